import type { TransactionMode } from './transaction.interface.js';
import type { Duration } from './duration.interface.js';

/** How long a stream keeps its events, and what becomes of a group that does not take them. */
export interface StreamOptions {
  /** How long an event stays after every group has taken it, to be replayed, and for groups that come late. Default 1 day. */
  retention?: Duration;
  /** What a group finds that comes late: `keep` (default), all events, however old; with `dropAfter`, only those that are younger: what is older it loses, counted, and said in the log. Retries and open batches are not dropped. */
  behind?: 'keep' | { dropAfter: Duration };
  /** Whether `publish()` joins the transaction that is open around it, as `add()` does. Default `auto`. Of this process: not stored. */
  transaction?: TransactionMode;
}
