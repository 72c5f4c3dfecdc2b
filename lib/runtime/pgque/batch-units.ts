import type { PgqueEngine, PgqueEvent } from '../../engine/pgque-engine.interface.js';

/** Read at once at least: PgQue goes over the whole batch for each page. */
const PAGE = 1_000;

/** Events that one call of a handler gets. */
export interface BatchUnit {
  readonly events: readonly PgqueEvent[];
  /** Whether the batch has no others. */
  readonly whole: boolean;
}

/**
 * A batch's events, page by page, in units of so many.
 *
 * - None is passed over, however large the batch; of those that are not handed over yet there is one page.
 * - An event that is in its batch twice (it was nacked, given back, and nacked again before its batch ended) comes once.
 */
export class BatchUnits {
  /** Events that are in the batch more than once: PgQue cannot give these back. */
  readonly twice = new Set<string>();
  readonly #engine: Pick<PgqueEngine, 'page'>;
  readonly #batchId: string;
  readonly #perUnit: number;

  constructor(engine: Pick<PgqueEngine, 'page'>, batchId: string, perUnit: number) {
    this.#engine = engine;
    this.#batchId = batchId;
    this.#perUnit = perUnit;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BatchUnit, void, undefined> {
    const limit = Math.max(PAGE, this.#perUnit);
    let kept: readonly PgqueEvent[] = [];
    let last = '';
    for (let [from, more] = [0, true]; more;) {
      const page = await this.#engine.page(this.#batchId, from, limit);
      const isFirst = from === 0;
      const fresh: PgqueEvent[] = [];
      // in the order of their ids: the same ones are neighbours
      for (const event of page.events) {
        if (event.record.id === last) this.twice.add(last);
        else fresh.push(event);
        last = event.record.id;
      }
      from += page.events.length;
      more = page.more && page.events.length > 0;
      const events = [...kept, ...fresh];
      const whole = isFirst && !more && events.length <= this.#perUnit;
      // a part of a unit waits for the next page
      const ready = more ? events.length - (events.length % this.#perUnit) : events.length;
      for (let start = 0; start < ready; start += this.#perUnit) {
        yield { events: events.slice(start, Math.min(start + this.#perUnit, ready)), whole };
      }
      kept = events.slice(ready);
    }
  }
}
