import { inspect, type InspectOptions } from 'node:util';
import type { EventRecord } from '../engine/stream-engine.interface.js';
import type { StreamEvent } from '../interfaces/stream-event.interface.js';

type Headers = Readonly<Record<string, string>>;

/** What an event is made from: a record of the log, or the like of it. */
export interface EventSource extends Omit<EventRecord, 'txid' | 'headers'> {
  /** Also as they were read already. */
  readonly headers: string | Headers | null;
}

const NO_HEADERS: Headers = Object.freeze({});

/** An event as users get it. @param retryCount how often it was delivered to its group before. */
export function toStreamEvent<Data = any>(stream: string, source: EventSource, retryCount = 0): StreamEvent<Data> {
  return new StoredEvent(stream, source, retryCount);
}

/**
 * An event of a stream, as it was published.
 *
 * - Cheap to make: fields are read, and JSON is parsed, when they are first asked for.
 * - `JSON.stringify()` and `console.log()` show its fields.
 */
class StoredEvent<Data> implements StreamEvent<Data> {
  readonly #stream: string;
  readonly #source: EventSource;
  readonly #retryCount: number;
  #data: Data | undefined;
  #headers: Headers | undefined;
  #publishedAt: Date | undefined;

  constructor(stream: string, source: EventSource, retryCount: number) {
    this.#stream = stream;
    this.#source = source;
    this.#retryCount = retryCount;
  }

  get id(): string {
    return this.#source.id;
  }

  get stream(): string {
    return this.#stream;
  }

  get type(): string {
    return this.#source.type;
  }

  get key(): string | null {
    return this.#source.key;
  }

  /** As it was stored: what JSON made of it. The same object at every call. */
  get data(): Data {
    return (this.#data ??= JSON.parse(this.#source.data) as Data);
  }

  get headers(): Headers {
    return (this.#headers ??= readHeaders(this.#source.headers));
  }

  get publishedAt(): Date {
    return (this.#publishedAt ??= new Date(this.#source.publishedAt));
  }

  get retryCount(): number {
    return this.#retryCount;
  }

  get cursor(): string {
    return this.#source.cursor;
  }

  toJSON(): Record<string, unknown> {
    return {
      id: this.id,
      stream: this.stream,
      type: this.type,
      key: this.key,
      data: this.data,
      headers: this.headers,
      publishedAt: this.publishedAt,
      retryCount: this.retryCount,
      cursor: this.cursor,
    };
  }

  /** For console.log(): the fields are getters, which it does not show. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `StreamEvent ${inspect(this.toJSON(), options)}`;
  }
}

function readHeaders(headers: string | Headers | null): Headers {
  if (headers === null) return NO_HEADERS;
  return typeof headers === 'string' ? (JSON.parse(headers) as Headers) : headers;
}
