import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildChild, Child } from '../support/child.js';
import { until } from '../support/signals.js';
import { hasPgque } from './shim/install-pgque.js';
import { pgqueDatabase } from './shim/pgque-database.js';
import { pgqueApplications, sendMany, untilDone } from './support/pgque-applications.js';

const database = pgqueDatabase();
// migrates
pgqueApplications(database);

const children: Child[] = [];
let file = '';

beforeAll(async () => {
  if (!hasPgque) return;
  file = await buildChild('pgque-consumer');
  await database.main.rows('create table handled (id serial, n int, pid int)');
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill();
    await child.exited;
  }
});

async function startChild(queue: string, env: Record<string, string> = {}): Promise<Child> {
  const child = new Child(file, { DATABASE_URL: database.url, QUEUE: queue, ...env });
  children.push(child);
  await child.said('ready');
  return child;
}

async function handled(): Promise<{ n: number; pid: number }[]> {
  return database.main.rows('select n, pid from handled order by id');
}

/** Which process has the group: the one whose session holds its lock. */
async function holder(queue: string): Promise<number | undefined> {
  const [row] = await database.main.rows<{ client_port: number }>(
    `select a.client_port from pg_locks l join pg_stat_activity a using (pid),
       hashtextextended('pgque consumer ' || $1, 0) as key
     where l.locktype = 'advisory' and l.granted and l.objid::bigint = key & 4294967295
       and l.classid::bigint = (key >> 32) & 4294967295`,
    [JSON.stringify([queue, 'consumer'])],
  );
  return row?.client_port;
}

describe.skipIf(!hasPgque)('processes with one consumer of PgQue (a stand-in over PgQ)', () => {
  it('R41 handle each event once while both are well, and the other takes over when one is killed', async () => {
    const { main } = database;
    const queue = await main.queue();
    const both = [await startChild(queue), await startChild(queue)];
    await until('one to have the group', async () => (await holder(queue)) !== undefined);
    const first = await holder(queue);
    for (let i = 0; i < 5; i++) {
      await sendMany(main, queue, 20);
      await main.tick(queue);
    }
    await untilDone(main, queue);
    const before = await handled();
    expect(before).toHaveLength(100);
    const [pid] = new Set(before.map((one) => one.pid));
    expect(new Set(before.map((one) => one.pid)).size).toBe(1);
    both.find((child) => child.process.pid === pid)!.process.kill('SIGKILL');
    await sendMany(main, queue, 20);
    await main.tick(queue);
    await until('the other to take over', async () => (await handled()).length === 120);
    const after = (await handled()).slice(100);
    expect(after.map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(new Set(after.map((one) => one.pid))).not.toContain(pid);
    expect(await holder(queue)).not.toBe(first);
    await untilDone(main, queue);
  });

  it('R23 leave nothing out when one is killed in the middle of a batch', async () => {
    const { main } = database;
    await main.rows('truncate handled');
    const queue = await main.queue();
    await Promise.all([startChild(queue), startChild(queue)]);
    await sendMany(main, queue, 2000);
    await main.tick(queue);
    await until('some to be handled', async () => (await handled()).length > 100);
    const { pid } = (await handled())[0]!;
    children.find((child) => child.process.pid === pid)!.process.kill('SIGKILL');
    await untilDone(main, queue);
    const all = await handled();
    const killed = all.filter((one) => one.pid === pid).length;
    expect(killed).toBeLessThan(2000);
    // the batch begins anew, in its order, and is handled once by the other
    expect(all.filter((one) => one.pid !== pid).map(({ n }) => n)).toEqual(
      Array.from({ length: 2000 }, (_, i) => i + 1),
    );
  });
});
