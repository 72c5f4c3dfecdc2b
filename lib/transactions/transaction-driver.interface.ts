import type { TransactionExecutor } from '../interfaces/transaction.interface.js';

/**
 * One driver or ORM, whose handles are known by their shape: it is never imported.
 *
 * - Methods are looked up one by one, never listed or tested with `in`: some handles are proxies that object to that.
 * - A statement has `$1`-style placeholders and text parameters, and returns text, in columns with names of one lower-case
 *   word: neither types nor naming conventions that the application has set up change those.
 */
export interface TransactionDriver {
  /** What of it is accepted, for messages. */
  readonly accepted: string;
  /** What runs statements in the handle's transaction; undefined: it is no open transaction of this driver. */
  executor(handle: object): TransactionExecutor | undefined;
  /** What is wrong with a handle of this driver that is no open transaction; undefined: it is none of its handles. */
  refusal(handle: object): string | undefined;
}

/** The same of one that returns rows alone. */
export function executorOf(
  rows: (text: string, values: readonly (string | null)[]) => PromiseLike<unknown>,
): TransactionExecutor {
  return { query: async (text, values = []) => ({ rows: await rows(text, values) }) };
}
