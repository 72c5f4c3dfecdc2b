import { inspect, type InspectOptions } from 'node:util';
import type { EventRecord } from '../engine/stream-engine.interface.js';
import type { StreamEvent } from '../interfaces/stream-event.interface.js';

/**
 * An event as it was read or delivered.
 *
 * - Cheap to make: JSON is parsed when it is first asked for.
 * - `JSON.stringify()` and `console.log()` show its fields.
 */
export class LoggedEvent<Data = any> implements StreamEvent<Data> {
  readonly stream: string;
  readonly retryCount: number;
  readonly #record: EventRecord;
  #data: Data | undefined;

  constructor(stream: string, record: EventRecord, retryCount: number) {
    this.stream = stream;
    this.#record = record;
    this.retryCount = retryCount;
  }

  get id(): string {
    return this.#record.id;
  }
  get type(): string {
    return this.#record.type;
  }
  get key(): string | null {
    return this.#record.key;
  }
  get cursor(): string {
    return this.#record.cursor;
  }
  /** As it was stored: what JSON made of it. The same object at every call. */
  get data(): Data {
    return (this.#data ??= JSON.parse(this.#record.data) as Data);
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#record.headers === null ? {} : (JSON.parse(this.#record.headers) as Record<string, string>);
  }
  get publishedAt(): Date {
    return new Date(this.#record.publishedAt);
  }

  toJSON(): Record<string, unknown> {
    const { id, stream, type, key, data, headers, publishedAt, retryCount, cursor } = this;
    return { id, stream, type, key, data, headers, publishedAt, retryCount, cursor };
  }

  /** For console.log(): the fields are getters, which it does not show. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `StreamEvent ${inspect(this.toJSON(), options)}`;
  }
}
