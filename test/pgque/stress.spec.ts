import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { type PgqueSession, pgqueDatabase } from './shim/pgque-database.js';

const SECONDS = Number(process.env['PGQUE_STRESS_SECONDS'] ?? 3);
const PRODUCERS = 4;
const CONSUMERS = ['one', 'two', 'three'];

const database = pgqueDatabase({ alone: true });
const pgque = () => database.main;

const chance = (probability: number): boolean => Math.random() < probability;
const pause = async (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * ms));

let sent = 0;

/** A transaction with some events, that may be long, and may be rolled back in part or wholly. Returns what is to come. */
async function produce(session: PgqueSession, queue: string): Promise<string[]> {
  let events: string[] = [];
  const send = async (): Promise<void> => {
    const payload = `${++sent}`;
    await session.send(queue, payload);
    events.push(payload);
  };
  await session.rows('begin');
  await send();
  for (let i = 0; chance(0.6); i++) {
    const before = [...events];
    await session.rows(`savepoint s${i}`);
    await send();
    if (chance(0.3)) {
      await session.rows(`rollback to s${i}`);
      events = before;
    } else if (chance(0.5)) {
      await session.rows(`release s${i}`);
    }
    await pause(chance(0.05) ? 300 : 10);
  }
  if (!chance(0.2)) {
    await session.rows('commit');
    return events;
  }
  await session.rows('rollback');
  return [];
}

/** A batch in a transaction, as a handler that writes to the same database. Returns what was handled for good. */
async function consume(session: PgqueSession, queue: string, consumer: string): Promise<string[]> {
  await session.rows('begin');
  const batch = await session.receive(queue, consumer);
  const handled: string[] = [];
  for (const message of batch) {
    if (message.retry_count === null && chance(0.1)) await session.nack(message);
    else handled.push(message.payload!);
  }
  if (batch.length > 0) await session.call('ack', batch[0]!.batch_id);
  if (!chance(0.1)) {
    await session.rows('commit');
    return handled;
  }
  await session.rows('rollback');
  return [];
}

const sorted = (payloads: string[]): number[] => payloads.map(Number).toSorted((a, b) => a - b);

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): stress", () => {
  it(
    `R21: every event that is committed comes to every consumer once, and no other (${SECONDS} s)`,
    async () => {
      const queue = await pgque().queue(CONSUMERS, { ticker_max_count: '1', rotation_period: '1 microsecond' });
      const switches = new Set<string>();
      const end = performance.now() + SECONDS * 1000;
      // and until each table has been current, and one of them twice
      const until = async (work: () => Promise<unknown>): Promise<void> => {
        while (performance.now() < end || switches.size < 4) await work();
      };
      const committed: string[] = [];
      const handled = new Map<string, string[]>(CONSUMERS.map((consumer) => [consumer, []]));

      const producing = Array.from({ length: PRODUCERS }, async () => {
        const session = await database.session();
        await until(async () => committed.push(...(await produce(session, queue))));
      });
      const consuming = CONSUMERS.map(async (consumer) => {
        const session = await database.session();
        await until(async () => {
          handled.get(consumer)!.push(...(await consume(session, queue, consumer)));
        });
      });
      const ticking = async (): Promise<void> => {
        const session = await database.session();
        await until(async () => {
          await session.call('ticker', queue);
          await pause(20);
        });
      };
      const maintaining = async (): Promise<void> => {
        const session = await database.session();
        await until(async () => {
          await session.call('maint_retry_events');
          await session.call('maint');
          switches.add(
            await session.value('select queue_switch_step1 from pgque.queue where queue_name = $1', [queue]),
          );
          await pause(5);
          await session.call('maint_rotate_tables_step2');
        });
      };
      await Promise.all([...producing, ...consuming, ticking(), maintaining()]);

      for (const consumer of CONSUMERS) {
        for (let round = 0; round < 2; round++) {
          await pgque().retryAll(queue);
          handled.get(consumer)!.push(...(await pgque().drain(queue, consumer)).map(({ payload }) => payload!));
        }
        expect(sorted(handled.get(consumer)!), consumer).toEqual(sorted(committed));
      }
      expect(committed.length).toBeGreaterThan(100);
      expect(committed.length).toBeLessThan(sent);
    },
    (SECONDS + 30) * 1000,
  );
});
