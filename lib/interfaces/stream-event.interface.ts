/** An event of a stream, as its consumers get it. */
export interface StreamEvent<Data = any, EventType extends string = string> {
  /** Unique in its stream, and the same for every group and at every delivery: what an idempotent handler goes by. */
  readonly id: string;
  readonly stream: string;
  readonly type: EventType;
  /** What it was published with; `null`: without one. Events of one key stay in order where a consumer says `hold: 'key'`. */
  readonly key: string | null;
  readonly data: Data;
  readonly headers: Readonly<Record<string, string>>;
  /** By the database's clock. */
  readonly publishedAt: Date;
  /** How often it was delivered to this group before: 0 the first time. */
  readonly retryCount: number;
  /** Its place in the stream, for `read()`, `observe()` and `seek()`: to be kept and given back, not to be read. Empty on PgQue. */
  readonly cursor: string;
}

/** An event to be published. */
export interface NewStreamEvent<Data = unknown> {
  /** What consumers choose their handler by: 1 to 200 characters, none of them a control character. Default `default`. */
  type?: string;
  /** What JSON can carry. */
  data: Data;
  /** Events of one key stay in order where a consumer says `hold: 'key'`. Default: none. */
  key?: string;
  /** What is not data, as a trace's id. Default: none. */
  headers?: Record<string, string>;
}
