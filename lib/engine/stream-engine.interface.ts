import type { SqlExecutor } from '../interfaces/transaction.interface.js';

/** An event that was checked and is ready to be written. */
export interface EventDraft {
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  readonly key: string | null;
  /** JSON text of an object of texts; null: none. */
  readonly headers: string | null;
}

/** An event as the log has it. */
export interface EventRecord {
  /** A bigint as text. */
  readonly id: string;
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  readonly key: string | null;
  /** JSON text; null: none. */
  readonly headers: string | null;
  /** Epoch milliseconds by the database's clock. */
  readonly publishedAt: number;
  /** The transaction that published it (an xid8 as text): with the id, its place. */
  readonly txid: string;
  /** What is read after it comes behind this event. */
  readonly cursor: string;
}

/** Where reading begins: behind an event, or at one of the stream's ends. */
export type ReadFrom = { readonly cursor: string } | 'start' | 'end';

export interface ReadRequest {
  readonly from: ReadFrom;
  readonly limit: number;
  readonly maxBytes: number;
  /** Only these; null: all. */
  readonly types: readonly string[] | null;
}

export interface EventPage {
  readonly events: readonly EventRecord[];
  /** Where the next page begins. */
  readonly cursor: string;
  /** Whether the limit ended it. */
  readonly more: boolean;
}

/** A consumer group of a stream: a queue of its own, whose jobs are what it has to repeat. */
export interface Group {
  readonly id: number;
  readonly streamId: number;
  readonly isNew: boolean;
}

export interface GroupSettings {
  /** How often an event is delivered, at most. */
  readonly attempts?: number;
  /** What waits while an event is retried. */
  readonly hold?: 'nothing' | 'key' | 'stream';
}

/** What a stream keeps, and for how long; in milliseconds. */
export interface StreamSettings {
  /** After every group has taken it. */
  readonly retention?: number;
  /** Whether a group that is late finds what is older than that. */
  readonly behind?: 'keep' | { readonly dropAfter: number };
}

/**
 * The module's own streams. Every method works on one stream, by name.
 *
 * - `publish` writes all of its drafts or none.
 * - With an executor it runs on the caller's transaction.
 */
export interface StreamEngine {
  /** Whether an error is the answer of a server that refused the statement, and so wrote nothing of it. */
  isRefusal(error: unknown): boolean;
  /** Whether a text has the form of a cursor. */
  isCursor(text: string): boolean;
  publish(stream: string, drafts: readonly EventDraft[], executor?: SqlExecutor): Promise<string[]>;
  /**
   * A stream that nobody has published to is empty, and is not made by this.
   *
   * @throws InvalidOptionsError for a cursor that is none.
   */
  read(stream: string, request: ReadRequest): Promise<EventPage>;
  /** Makes the group if need be; its settings are kept. */
  subscribe(stream: string, group: string, from: 'start' | 'end', settings?: GroupSettings): Promise<Group>;
  /** Whether there was one. */
  unsubscribe(stream: string, group: string): Promise<boolean>;
  /** By name; those of a stream, or one. Exact up to some thousands, beyond that an estimate. */
  lag(stream: string, group?: string): Promise<Record<string, number>>;
  /** What is not said stays as it is. Makes the stream if need be. */
  configure(stream: string, settings: StreamSettings): Promise<void>;
  /** @throws UnknownGroupError */
  seek(stream: string, group: string, to: ReadFrom | { readonly time: Date }): Promise<void>;
  /**
   * Calls back when this process has published to the stream, or has heard that somebody has; what was published may not be
   * visible yet. It only saves time: who waits looks by himself, too. Returns what ends it.
   */
  onPublished(stream: string, listener: () => void): () => void;
  /** Another process has published to a stream: this one's LISTEN connection has heard so. */
  heard(streamId: number): void;
}
