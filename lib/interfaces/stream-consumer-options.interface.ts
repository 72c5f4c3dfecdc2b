import type { Duration } from './duration.interface.js';

/**
 * How a `@StreamConsumer()` class reads its stream. Several classes may serve one group, with different types of events;
 * then all of these must be the same for all of them. An unknown or mistyped one fails startup with `InvalidOptionsError`.
 */
export interface StreamConsumerOptions {
  /**
   * The name of the durable position: each group reads every event, and the processes of a group share them. Keep it stable
   * across deploys. 1 to 200 characters, none of them a control character.
   */
  group: string;
  /** Of which `forRoot({ name })`. Default: of the one without a name. */
  database?: string;
  /**
   * `pgque`: the queue of this name in a PgQue installation (0.2.0 or later) in the module's database. Default `pgqueue`: the
   * module's own streams. On PgQue one process at a time has a group, and another takes over when that ends; a batch is what was
   * ticked together, is read in pages of `maxMessages`, and comes again as a whole when its process dies or stops in it.
   */
  engine?: 'pgqueue' | 'pgque';
  /** Where a new group begins: with the oldest event that is kept, or with those that are published from now on. Default `end`. */
  startFrom?: 'start' | 'end';
  /** How often an idle consumer polls; notifications wake it sooner. Default 30s. */
  pollInterval?: Duration;
  /** Events fetched at once, and the most that `@OnStreamBatch()` gets. Default 100. */
  maxMessages?: number;
  /** Handlers at once, in this process. Default 1; with `hold: 'stream'` there can be no more. */
  concurrency?: number;
  /** Deliveries, the first included, before an event that fails goes to the group's dead letters. Default 6: five retries. On PgQue the queue's `max_retries` says it, for all groups; another number fails startup. */
  attempts?: number;
  /** How long a failed event waits before it comes again, to this group alone. Default 60s. PgQue makes whole seconds of it. */
  retryDelay?: Duration;
  /**
   * What waits while an event is retried: nothing, the events of its key, or the whole stream for this group. Order holds per
   * key with `key`, over all with `stream`, where one process at a time has the group. Default `nothing`, which is all that
   * PgQue can do.
   */
  hold?: 'nothing' | 'key' | 'stream';
  /** An event that no method takes: it fails and is retried (`nack`), or counts as handled (`ack`). Default `nack`. */
  unhandled?: 'nack' | 'ack';
  /** How long shutdown waits for running handlers before it aborts their signals; 1s more for them to react, then their events are handed back. Default 10s. */
  shutdownTimeout?: Duration;
  /**
   * How often an event may be lost with its process as the only suspect until it goes to the dead letters. It becomes one when
   * it was lost twice, so the default of 2 makes four deliveries. Such deliveries never count as attempts. 0: what was being
   * handled, or fetched, when a process died is not delivered again. PgQue does not count it: refused there.
   */
  maxStalledCount?: number;
}

/** `StreamConsumerOptions` but the group, checked, defaults applied, in milliseconds. */
export interface ResolvedStreamConsumerOptions {
  readonly engine: 'pgqueue' | 'pgque';
  readonly startFrom: 'start' | 'end';
  readonly pollInterval: number;
  readonly maxMessages: number;
  readonly concurrency: number;
  readonly attempts: number;
  readonly retryDelay: number;
  readonly hold: 'nothing' | 'key' | 'stream';
  readonly unhandled: 'nack' | 'ack';
  readonly shutdownTimeout: number;
  readonly maxStalledCount: number;
}
