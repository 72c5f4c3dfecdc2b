import type { EventDraft, EventRecord, Group, GroupSettings } from '../../lib/engine/stream-engine.interface.js';
import type { Batch, BatchClaim, BatchRequest, FollowUp, Refusal } from '../../lib/engine/worker-engine.interface.js';
import type { Session, TestEngine, TestWorker } from './engine.js';

/** An event to be published: what it is called and holds. */
export interface EventSpec {
  readonly type?: string;
  readonly data?: unknown;
  readonly key?: string;
  readonly headers?: Record<string, string>;
}

export function eventDraft({ type = 'default', data = null, key, headers }: EventSpec = {}): EventDraft {
  return {
    type,
    data: JSON.stringify(data),
    key: key ?? null,
    headers: headers === undefined ? null : JSON.stringify(headers),
  };
}

export const idsOf = (events: readonly { readonly id: string }[] = []): string[] => events.map(({ id }) => id);

let streams = 0;

export interface TestGroup extends Group {
  readonly stream: string;
  readonly name: string;
}

/** A stream of its own for a test, with the engine's statements as a process would use them. */
export class TestStream {
  readonly name: string;
  readonly #engine: TestEngine;

  private constructor(engine: TestEngine, name: string) {
    this.#engine = engine;
    this.name = name;
  }

  static async make(engine: TestEngine): Promise<TestStream> {
    const name = `stream ${++streams}`;
    // not in the first publisher's transaction
    await engine.rows(`select ${engine.s}.ensure_stream($1)`, [name]);
    return new TestStream(engine, name);
  }

  /** Publishes on a session's connection: in its transaction, if it has one. Returns the ids. */
  async publish(session: Session = this.#engine.main, ...specs: EventSpec[]): Promise<string[]> {
    return session.streams.publish(this.name, (specs.length === 0 ? [{}] : specs).map(eventDraft), session.client);
  }

  async group(name: string, from: 'start' | 'end' = 'end', settings: GroupSettings = {}): Promise<TestGroup> {
    const group = await this.#engine.main.streams.subscribe(this.name, name, from, settings);
    return { ...group, stream: this.name, name };
  }

  async read(from: 'start' | 'end' | { cursor: string } = 'start', limit = 100_000): Promise<readonly EventRecord[]> {
    return (await this.#engine.main.streams.read(this.name, { from, limit, maxBytes: 1e9, types: null })).events;
  }
}

const claims = new WeakMap<TestWorker, number>();

/** Takes a group's next batch, as the runtime would. */
export async function take(worker: TestWorker, group: Group, request: Partial<BatchRequest> = {}): Promise<BatchClaim> {
  const claimNo = request.claimNo ?? (claims.get(worker) ?? 0) + 1;
  claims.set(worker, claimNo);
  return worker.session.work.takeBatch(worker.id, {
    groupId: group.id,
    limit: 100_000,
    maxBytes: 1e9,
    again: false,
    ...request,
    claimNo,
  });
}

export async function takeIds(worker: TestWorker, group: Group, request?: Partial<BatchRequest>): Promise<string[]> {
  return idsOf((await take(worker, group, request)).batch?.events);
}

/** Ends a batch. */
export async function ack(worker: TestWorker, group: Group, { key, lease }: Batch): Promise<Refusal[]> {
  return worker.session.work.finish(worker.id, group.id, [{ key, run: 1, lease, ran: 1, output: null }], false);
}

/** Ends an event of a batch by itself. */
export async function nack(
  worker: TestWorker,
  group: Group,
  { lease }: Batch,
  { id, txid, cursor }: EventRecord,
  followUp: FollowUp = { state: 'r', charge: 1, delay: 60_000, error: { message: 'no' } },
): Promise<Refusal[]> {
  const event = { stream: group.streamId, txid, cursor, attempt: 1, attempts: 6, errors: [] };
  return worker.session.work.finish(
    worker.id,
    group.id,
    [{ key: id, run: -Number(lease.n), lease, ran: 1, output: null, followUp: { ...followUp, event } }],
    false,
  );
}

/** Ends a batch of a group whose order counts: its position moves back into it. */
export async function rewind(
  worker: TestWorker,
  group: Group,
  { key, lease }: Batch,
  how: NonNullable<FollowUp['rewind']>,
): Promise<Refusal[]> {
  const followUp: FollowUp = { state: 'r', batch: lease.n, lane: lease.lane, rewind: how };
  return worker.session.work.finish(
    worker.id,
    group.id,
    [{ key, run: 1, lease, ran: 1, output: null, followUp }],
    false,
  );
}
