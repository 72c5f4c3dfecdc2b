import type { TransactionHandle } from '../../../lib/index.js';

/**
 * A library, connected to the test's database, and how an application uses it. `Tx` is the library's own type: that it is a
 * TransactionHandle is what the type check of this directory says.
 */
export interface Driver<Tx extends TransactionHandle> {
  /** Runs work in a transaction as the library does it: it commits, or rolls back when the work fails. */
  transaction(work: (tx: Tx) => Promise<void>): Promise<unknown>;
  /** A statement of the application's own, in the transaction. */
  run(tx: Tx, statement: string): PromiseLike<unknown>;
  /** Further handles of the same transaction, by their name. */
  others?(tx: Tx): Readonly<Record<string, TransactionHandle>>;
  /** What looks like a transaction, by what its refusal calls it. */
  readonly roots: Readonly<Record<string, unknown>>;
  /** What becomes of a handle whose transaction has ended: it is refused, or the library itself fails; or nobody knows. */
  readonly ended: 'refused' | 'fails' | 'unknown';
  close(): Promise<unknown>;
}

/** The database of a spec file. */
export interface DriverDatabase {
  readonly url: string;
  readonly schema: string;
  /** The schema, quoted. */
  readonly quoted: string;
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}
