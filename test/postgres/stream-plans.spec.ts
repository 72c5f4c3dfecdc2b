import { expect, it } from 'vitest';
import { buffers, least, undone } from '../support/buffers.js';
import type { Batch } from '../../lib/engine/worker-engine.interface.js';
import { type Session, testEngine, type TestWorker } from '../support/engine.js';
import { ack, nack, take, TestStream, type TestGroup } from '../support/streams.js';

const engine = testEngine({ alone: true });
const RINGS = ['event', 'entry', 'delayed', 'lease', 'result'];
const payload = 'x'.repeat(190);

/** Where a statement is measured: on a session that made its plans on empty tables, or one that has just begun. */
interface At {
  readonly stream: TestStream;
  /** It keeps up. */
  readonly group: TestGroup;
  /** It keeps up, slot by slot. */
  readonly keyed: TestGroup;
  /** It takes nothing. */
  readonly late: TestGroup;
  readonly worker: TestWorker;
  readonly session: Session;
}

interface Statement {
  /** Buffers it touches at most, whatever is in the log. */
  readonly most: number;
  /** It touches as many with much in the log as with little, within a fifth; but for so many looks at indexes, each a level deeper. */
  readonly looks?: number;
  readonly cost: (at: At) => Promise<number>;
}

const events = (count: number, key?: string) =>
  Array.from({ length: count }, () => ({ data: payload, ...(key !== undefined && { key }) }));

/** Takes and ends all that is there. */
async function keepUp({ worker }: Pick<At, 'worker'>, group: TestGroup): Promise<void> {
  for (;;) {
    const { batch } = await take(worker, group, { limit: 5_000 });
    if (batch === undefined) return;
    await ack(worker, group, batch);
  }
}

const publishes = (count: number) => async (at: At) => {
  const some = events(count);
  return undone(at.session, async () => at.stream.publish(at.session, ...some));
};

const takes =
  (count: number, which: 'group' | 'keyed' = 'group', key?: string) =>
  async (at: At): Promise<number> => {
    await keepUp(at, at[which]);
    if (count > 0) await at.stream.publish(engine.main, ...events(count, key));
    const cost = await buffers(at.session, async () => take(at.worker, at[which], { limit: count + 1 }));
    // its answer went to whoever measures
    const [row] = await engine.rows(
      `select lane, n, claim_no as "claimNo", job_ids[1] as key from ${engine.s}.lease
        where queue_id = $1 and worker = $2 order by claim_no desc limit 1`,
      [at[which].id, at.worker.id],
    );
    if (count > 0) await ack(at.worker, at[which], { key: row.key, lease: row } as Batch);
    return cost;
  };

async function taken(at: At, count: number) {
  await keepUp(at, at.group);
  await at.stream.publish(engine.main, ...events(count));
  return (await take(at.worker, at.group, { limit: count })).batch!;
}

const ofBatch =
  (count: number, work: (at: At, batch: Awaited<ReturnType<typeof taken>>) => Promise<unknown>) => async (at: At) => {
    const batch = await taken(at, count);
    const cost = await buffers(at.session, async () => work(at, batch));
    await ack(at.worker, at.group, batch);
    return cost;
  };

const sql =
  (text: string, values: (at: At) => unknown[] = () => []) =>
  async (at: At) =>
    undone(at.session, async () => at.session.client.query(text.replaceAll('$s', engine.s), values(at)));

const STATEMENTS: Record<string, Statement> = {
  'publish 1': { most: 15, looks: 2, cost: publishes(1) },
  'publish 100': { most: 700, looks: 200, cost: publishes(100) },
  'take 0': { most: 40, looks: 2, cost: takes(0) },
  'take 1': { most: 50, looks: 2, cost: takes(1) },
  'take 100': { most: 90, looks: 2, cost: takes(100) },
  'take what 17 slots do not have': { most: 450, looks: 70, cost: takes(0, 'keyed') },
  'take 100 of a slot': { most: 400, looks: 70, cost: takes(100, 'keyed', 'k') },
  'take 100 of what waits for a late group': {
    most: 90,
    looks: 2,
    cost: async (at) =>
      sql('select * from $s.take_batch($1, $2, 0, 100, 8000000, false)', ({ late, worker }) => [late.id, worker.id])(
        at,
      ),
  },
  'a batch of 100 again': {
    most: 90,
    looks: 2,
    cost: ofBatch(100, async ({ group, session }, { lease }) =>
      session.client.query(`select * from ${engine.s}.batch_events($1, $2, $3)`, [group.id, lease.lane, lease.n]),
    ),
  },
  'end a batch': {
    most: 20,
    looks: 2,
    cost: ofBatch(100, async ({ group, worker }, batch) => ack(worker, group, batch)),
  },
  'nack an event': {
    most: 120,
    looks: 2,
    cost: ofBatch(2, async ({ group, worker }, batch) => nack(worker, group, batch, batch.events[0]!)),
  },
  'read 100 from a cursor': {
    most: 60,
    looks: 2,
    cost: async (at) => {
      const { events: of } = await taken(at, 100);
      return buffers(at.session, async () =>
        at.session.streams.read(at.stream.name, {
          from: { cursor: of[0]!.cursor },
          limit: 99,
          maxBytes: 1e9,
          types: null,
        }),
      );
    },
  },
  'read 100 from the start': {
    most: 60,
    looks: 2,
    cost: async (at) =>
      buffers(at.session, async () =>
        at.session.streams.read(at.stream.name, { from: 'start', limit: 100, maxBytes: 1e9, types: null }),
      ),
  },
  'read nothing at the end': {
    most: 15,
    looks: 2,
    cost: async (at) => {
      const { cursor } = await at.session.streams.read(at.stream.name, {
        from: 'end',
        limit: 1,
        maxBytes: 1e9,
        types: null,
      });
      await engine.rows('select pg_current_xact_id()');
      return buffers(at.session, async () =>
        at.session.streams.read(at.stream.name, { from: { cursor }, limit: 100, maxBytes: 1e9, types: null }),
      );
    },
  },
  // what they count one by one: ten thousand of what is late, of what is repeated and of what is dead
  'lag of a late group': {
    most: 25_000,
    cost: sql(`select * from $s.stream_lag($1, 'late')`, ({ stream }) => [stream.name]),
  },
  'statistics of a group': {
    most: 25_000,
    cost: sql('select * from $s.group_stats($1)', ({ group }) => [group.id]),
  },
  'whether a group comes': {
    most: 120,
    looks: 2,
    cost: sql('select * from $s.check_group($1, 100)', ({ group }) => [group.id]),
  },
  'whether a late group comes, and drop 100': {
    most: 25_000,
    cost: async (at) => {
      await engine.main.streams.configure(at.stream.name, { behind: { dropAfter: 1 } });
      const cost = await sql('select * from $s.drop_old($1, -2147483647, now(), 100)', ({ late }) => [late.id])(at);
      await engine.main.streams.configure(at.stream.name, { behind: 'keep' });
      expect(cost).toBeLessThan(300);
      return cost;
    },
  },
  'what may go': { most: 900, looks: 120, cost: sql('select * from $s.stream_gone()') },
  'what is noted': { most: 2_500, looks: 250, cost: sql('select $s.note_streams()') },
};

/** So much more of everything: events that wait for a late group, batches that have ended, results, dead letters. */
async function fill(at: At, count: number): Promise<void> {
  const { stream, worker, group, keyed } = at;
  for (let left = count; left > 0; left -= 500) {
    for (const key of [undefined, 'a', 'b', 'c']) await stream.publish(engine.main, ...events(125, key));
    for (const of of [group, keyed]) {
      for (let more = true; more;) {
        const { batch } = await take(worker, of, { limit: 20 });
        more = batch !== undefined;
        if (batch === undefined) continue;
        await nack(worker, of, batch, batch.events[0]!, { state: 'f', reason: 'exhausted' });
        await ack(worker, of, batch);
      }
    }
    await engine.rows(`select ${engine.s}.note_streams()`);
  }
}

async function costs(at: At): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [what, { cost }] of Object.entries(STATEMENTS)) found[what] = await least(async () => cost(at));
  return found;
}

it('every statement on a stream touches few buffers, on empty, full and truncated segments, whenever its plan was made', async () => {
  const stream = await TestStream.make(engine);
  const [group, keyed, late] = [
    await stream.group('group'),
    await stream.group('keyed', 'end', { hold: 'key' }),
    await stream.group('late'),
  ];
  const begin = async (): Promise<At> => {
    const worker = await engine.worker();
    // it knows what the stream is called
    await worker.session.streams.publish(stream.name, []);
    await worker.session.streams.read(stream.name, { from: 'end', limit: 1, maxBytes: 1, types: null });
    return { stream, group, keyed, late, worker, session: worker.session };
  };
  const old = await begin();
  const measured: Record<string, Record<string, number>> = {};
  const measure = async (when: string) => {
    await engine.rows(`select ${engine.s}.note_streams()`);
    measured[when] = await costs(old);
    measured[`${when}, anew`] = await costs(await begin());
  };
  await measure('empty');
  await fill(old, 500);
  await measure('few');
  await fill(old, 15_000);
  await measure('many');
  await engine.main.streams.configure(stream.name, { retention: 0 });
  await engine.main.streams.seek(stream.name, 'late', 'end');
  for (const ring of RINGS) await engine.turn(ring, 1e9);
  await measure('truncated');
  console.table(
    Object.fromEntries(
      Object.keys(STATEMENTS).map((what) => [
        what,
        Object.fromEntries(Object.entries(measured).map(([when, found]) => [when, found[what]])),
      ]),
    ),
  );
  const wrong: string[] = [];
  for (const [what, { most, looks }] of Object.entries(STATEMENTS)) {
    for (const [when, found] of Object.entries(measured)) {
      if (found[what]! > most) wrong.push(`${what}, ${when}: ${found[what]}, not ${most}`);
    }
    for (const how of ['', ', anew']) {
      const [few, all] = [measured[`few${how}`]![what]!, measured[`many${how}`]![what]!];
      if (looks !== undefined && all > few * 1.2 + 2 * looks)
        wrong.push(`${what}${how}: ${few} with few, ${all} with many`);
    }
  }
  expect(wrong).toEqual([]);
}, 300_000);
