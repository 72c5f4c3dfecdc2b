import { parseWake } from '../../wake-up.interface.js';
import type { Notifier } from '../notifier.js';
import type { QueueIds } from '../queue-ids.js';

/**
 * Tells those of this process who wait for a stream's events that there may be some.
 *
 * - By what this process publishes itself, and by what somebody with a LISTEN connection passes on.
 * - A stream is known by its id as soon as this process has read it or published to it.
 */
export class StreamNews {
  readonly #streams: QueueIds;
  readonly #notifier: Notifier;
  readonly #listeners = new Map<string, Set<() => void>>();
  #stopHearing: (() => void) | undefined;

  constructor(streams: QueueIds, notifier: Notifier) {
    this.#streams = streams;
    this.#notifier = notifier;
  }

  /** Returns what ends it. */
  on(stream: string, listener: () => void): () => void {
    // a function of its own: the same one may be given twice
    const one = (): void => listener();
    let listeners = this.#listeners.get(stream);
    if (listeners === undefined) this.#listeners.set(stream, (listeners = new Set()));
    listeners.add(one);
    this.#stopHearing ??= this.#notifier.onLocal((wakes) => this.#local(wakes));
    return () => this.#off(stream, one);
  }

  heard(streamId: number): void {
    for (const [stream, listeners] of this.#listeners) {
      if (this.#streams.get(stream) === streamId) for (const listener of listeners) listener();
    }
  }

  #off(stream: string, listener: () => void): void {
    const listeners = this.#listeners.get(stream);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(stream);
    if (this.#listeners.size > 0) return;
    this.#stopHearing?.();
    this.#stopHearing = undefined;
  }

  #local(wakes: readonly string[]): void {
    for (const wake of wakes) {
      const news = parseWake(wake);
      if (news !== undefined) this.heard(news.queueId);
    }
  }
}
