/** For consumers with `engine: 'pgque'`: how this process uses a PgQue installation in its database. */
export interface PgqueOptions {
  /**
   * Whether this process may tick PgQue, hand out what is to be repeated, and rotate its tables: one process at a time does it,
   * and another when that ends. `auto`: when nobody else does. A tick must be 5s overdue by the queue's settings for that
   * (`ticker_max_lag`, `ticker_idle_period`), and it ends when somebody else ticks. `true`: always, also without a consumer;
   * with another ticker beside it, events may be delivered twice. `false`: never. What runs handlers does it alone, with a
   * role that has `pgque_admin`. Default `auto`.
   */
  ticker?: 'auto' | boolean;
  /** Whether a consumer's queue is created when it is missing, which otherwise fails startup. Takes `pgque_admin`. Default `false`. */
  createQueues?: boolean;
}

/** `PgqueOptions`, checked, defaults applied. */
export interface ResolvedPgqueOptions {
  readonly ticker: 'auto' | boolean;
  readonly createQueues: boolean;
}
