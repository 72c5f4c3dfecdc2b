import type {
  EventDraft,
  EventPage,
  EventRecord,
  ReadRequest,
  StreamEngine,
} from '../../lib/engine/stream-engine.interface.js';

/** One stream in memory, whatever it is called. Its cursors are `at:` and how many events they are behind. */
export class FakeStreamEngine implements StreamEngine {
  readonly events: EventRecord[] = [];
  /** What was asked for, in order. */
  readonly reads: ReadRequest[] = [];
  readonly listeners = new Set<() => void>();
  /** What the next reads fail with. */
  readonly faults: unknown[] = [];

  isRefusal(error: unknown): boolean {
    return error instanceof RangeError;
  }

  isCursor(text: string): boolean {
    return text.startsWith('at:');
  }

  async publish(_stream: string, drafts: readonly EventDraft[]): Promise<string[]> {
    const records = drafts.map((draft, i) => {
      const place = this.events.length + i + 1;
      return { ...draft, id: String(place), publishedAt: 1000 + place, txid: '1', cursor: `at:${place}` };
    });
    this.events.push(...records);
    for (const listener of this.listeners) listener();
    return records.map(({ id }) => id);
  }

  async read(_stream: string, request: ReadRequest): Promise<EventPage> {
    this.reads.push(request);
    if (this.faults.length > 0) throw this.faults.shift();
    const { from, limit, types } = request;
    const start = from === 'start' ? 0 : from === 'end' ? this.events.length : Number(from.cursor.slice(3));
    const found = this.events.slice(start).filter(({ type }) => types === null || types.includes(type));
    const events = found.slice(0, limit);
    const more = found.length > limit;
    return { events, cursor: more ? events.at(-1)!.cursor : `at:${this.events.length}`, more };
  }

  async subscribe(): Promise<never> {
    throw new Error('not here');
  }

  async unsubscribe(): Promise<never> {
    throw new Error('not here');
  }

  async lag(): Promise<Record<string, number>> {
    return {};
  }

  async configure(): Promise<void> {}

  async seek(): Promise<void> {}

  heard(): void {}

  onPublished(_stream: string, listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
