import { pause } from '../../utils/pause.js';
import { ofOpenTransaction } from '../wake-up.interface.js';
import type { PgConnection } from './connection.js';

/** In callers' transactions a queue is notified about at most once in this time, by this process: ms. */
const ALONG_EVERY = 20;
/** Between two notifications after commits: ms. The first goes at once. */
const PAUSE = 1;

/**
 * Tells workers that there is something to do.
 *
 * - Never inside the transaction that adds, where it can be avoided: NOTIFY makes commits wait for each other across the
 *   whole database. What is added without a transaction is notified about after its commit, by the statement itself;
 *   whatever comes in the next millisecond shares the next notification.
 * - Inside a caller's transaction at most once in 20 ms for a queue; what was left out is made up for afterwards, and says
 *   that its transaction may be open: a worker that it wakes looks again while transactions are open that were open then.
 * - It only saves time: a notification that is lost is found by the poll. Workers of this process are told directly.
 */
export class Notifier {
  readonly #connection: PgConnection;
  readonly #alongTransactions: boolean;
  readonly #pending = new Set<string>();
  readonly #leftOut = new Set<string>();
  readonly #lastAlong = new Map<number, number>();
  readonly #listeners = new Set<(wakes: readonly string[]) => void>();
  #sending = false;
  /** When the next notification may go out (performance.now()). */
  #next = 0;
  #makesUp = false;

  constructor(connection: PgConnection, options: { alongTransactions: boolean }) {
    this.#connection = connection;
    this.#alongTransactions = options.alongTransactions;
  }

  /** Calls back for what this process itself has added. Returns what ends that. */
  onLocal(listener: (wakes: readonly string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * What the statement that is about to be sent should announce after its commit, beside its own; undefined: it should not
   * announce anything. Its sender owes these to `committed()` when it has not. One that may take long takes nothing along.
   */
  takeAlong(isQuick: boolean): readonly string[] | undefined {
    const now = performance.now();
    if (now < this.#next) return undefined;
    this.#next = now + PAUSE;
    if (!isQuick) return [];
    const due = [...this.#pending];
    this.#pending.clear();
    return due;
  }

  /** These were committed; `notified`: and are announced. */
  committed(wakes: readonly string[], notified = false): void {
    if (wakes.length === 0) return;
    for (const listener of this.#listeners) listener(wakes);
    if (notified) return;
    for (const wake of wakes) this.#pending.add(wake);
    void this.#send();
  }

  /** Whether the next add in a caller's transaction carries its notification. */
  mayNotifyAlong(queueId: number): boolean {
    if (!this.#alongTransactions) return false;
    const now = performance.now();
    if (now - (this.#lastAlong.get(queueId) ?? -Infinity) < ALONG_EVERY) return false;
    this.#lastAlong.set(queueId, now);
    return true;
  }

  /** What was added in a transaction that may still be open, without a notification: made up for in a while. */
  uncommitted(wakes: readonly string[]): void {
    for (const wake of wakes) this.#leftOut.add(ofOpenTransaction(wake));
    if (this.#makesUp) return;
    this.#makesUp = true;
    setTimeout(() => {
      this.#makesUp = false;
      const due = [...this.#leftOut];
      this.#leftOut.clear();
      this.committed(due);
    }, ALONG_EVERY).unref();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#pending.size > 0) {
        const early = this.#next - performance.now();
        if (early > 0) {
          // a statement that comes meanwhile takes them along
          await pause(early);
          continue;
        }
        this.#next = performance.now() + PAUSE;
        const wakes = [...this.#pending].join(' ');
        this.#pending.clear();
        const text = `select set_config('synchronous_commit', 'off', true), ${this.#connection.names.schema}.notify_once($1)`;
        await this.#connection.query({ text }, [wakes]);
      }
    } catch {
      // the poll finds what this would have announced, and whoever uses the connection next reports it
      this.#pending.clear();
    } finally {
      this.#sending = false;
    }
  }
}
