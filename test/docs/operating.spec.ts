import { readFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '../../lib/engine/postgres/migrations/index.js';
import { schemaNames } from '../../lib/engine/postgres/schema-names.js';
import { PgQueueModule } from '../../lib/index.js';
import { RecordingLogger } from '../support/application.js';
import type { TestDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { deferred, until } from '../support/signals.js';
import { freshDatabase } from './support/fresh-database.js';
import { quoted, read, ROOT, snippets, table } from './support/markdown.js';

const database = freshDatabase();
const start = testApplications({ url: database.url, schema: 'pgqueue' } as TestDatabase);

/** Beside `client`; ended after each test. */
const open: pg.Client[] = [];
let client: pg.Client;

async function connect(): Promise<pg.Client> {
  const one = new pg.Client({ connectionString: database.url });
  await one.connect();
  open.push(one);
  return one;
}

beforeAll(async () => {
  client = await connect();
  open.length = 0;
  await client.query(PgQueueModule.migrationSql());
  await client.query('create table users (id bigint generated always as identity, name text)');
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.end()));
});

afterAll(async () => {
  await client?.end();
});

const value = async (call: string, on = client): Promise<any> =>
  (await on.query(`select (select ${call}) as value`)).rows[0].value;

/** Directs a ring to its next segment; returns the one it leaves, which may be reclaimed. */
async function rotated(ring: string): Promise<number> {
  const old: number = await value(`current from pgqueue.ring where ring = '${ring}'`);
  // it waits 30 ms for whoever claims at that moment, and is tried again by whoever needs it
  const rotate = async (): Promise<boolean> =>
    value(`pgqueue.rotate('${ring}', interval '0')`).catch((error: { code?: string }) => {
      if (error.code === '55P03') return false;
      throw error;
    });
  await until(`the ring ${ring} to turn`, rotate);
  await value(`pgqueue.settle('${ring}')`);
  return old;
}

/** What becomes of the segment that a ring leaves, with all of its survivors copied. */
const reclaimed = async (ring: string, segment: number): Promise<string> =>
  value(`pgqueue.reclaim('${ring}', ${segment}, 10000)`);

const stateOf = async (ring: string, segment: number): Promise<string> =>
  value(`state from pgqueue.segment_stats where "table" = '${ring}_${segment}'`);

describe('docs/operating.md says of space:', () => {
  // each begins with a ring whose other segments are empty
  beforeEach(async () => {
    for (const i of [0, 1, 2]) await reclaimed('entry', i);
  });

  it('an old snapshot holds nothing up, a transaction that has added a job does, and is found', async () => {
    await value(`pgqueue.add('space', 'job')`);
    const reader = await connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select from users');
    expect(await reclaimed('entry', await rotated('entry'))).toBe('reclaimed');

    const adder = await connect();
    await adder.query('begin');
    await value(`pgqueue.add('space', 'job')`, adder);
    const held = await rotated('entry');
    await until('its transaction to be old enough to be shown', async () => (await stateOf('entry', held)) === 'busy');
    expect(await reclaimed('entry', held)).toBe('busy');
    const [segments, storage] = snippets('sql', ['docs/operating.md'])
      .find(({ code }) => code.includes("'busy'"))!
      .code.trim()
      .split(/;\n?/);
    expect((await client.query(segments!)).rows).toMatchObject([{ table: `entry_${held}` }]);
    expect((await client.query(storage!)).rows).toMatchObject([{ busy_segments: '1' }]);
    const old = `least(oldest_snapshot, longest_transaction) > interval '1 second' from pgqueue.storage_stats`;
    expect(await value(old)).toBe(true);
    await adder.query('commit');
    expect(await reclaimed('entry', held)).toBe('reclaimed');
    await reader.query('rollback');
  });

  it('what is still needed is copied, and a snapshot from before, as a pg_dump has, does not see it', async () => {
    await value(`pgqueue.add('space', 'job')`);
    const count = "count(*) from pgqueue.entry e join pgqueue.queue q using (queue_id) where q.name = 'space'";
    const there = await value(count);
    const dump = await connect();
    await dump.query('begin isolation level repeatable read');
    await dump.query('select 1');
    expect(await reclaimed('entry', await rotated('entry'))).toBe('reclaimed');
    expect(await value(count, dump)).toBe('0');
    expect(await value(count)).toBe(there);
    await dump.query('rollback');
  });

  it('whoever holds the upkeep off keeps every ring from being reclaimed, while jobs are added and run', async () => {
    const [, holds] = /-c "(select [^"]+)"/.exec(snippets('sh', ['docs/operating.md'])[0]!.code)!;
    const name = newQueue('held-off');
    // its own upkeep may be at it at that moment
    const { queue: of, app } = await start({
      providers: [processor(name, () => 'done')],
      options: { maintenance: false },
    });
    await value(`pgqueue.add('space', 'job')`);
    const segment = await rotated('entry');
    const holder = await connect();
    await holder.query(holds!);
    expect((await ended(of(name), await of(name).add('job', null))).returnvalue).toBe('done');
    // also those of keys, which do not ask for the guard
    expect([await reclaimed('entry', segment), await reclaimed('unique_key', 2)]).toEqual(['elsewhere', 'elsewhere']);
    expect(await value("pgqueue.rotate('entry', interval '0')")).toBe(false);
    await holder.query('select pg_advisory_unlock_all()');
    expect(await reclaimed('entry', segment)).toBe('reclaimed');
    await app.close();
  });

  it('when a segment is left', () => {
    const upkeep = readFileSync(path.join(ROOT, 'lib/runtime/upkeep.ts'), 'utf8');
    const [, rows, mebibytes, age] = /rows: ([\d_]+), bytes: (\d+) \* 1024 \* 1024, age: ([\d_]+) /.exec(upkeep)!;
    expect(read('docs/operating.md').replaceAll('\n', ' ')).toContain(
      `${Number(age!.replaceAll('_', '')) / 60_000} minutes old, or has ${rows!.replaceAll('_', ',')} rows or ${mebibytes} MiB`,
    );
  });
});

describe('migrating', () => {
  it('lets the application go on while a transaction holds a table, and is done when that has ended', async () => {
    const names = schemaNames('old');
    const [first] = MIGRATIONS;
    await client.query('create schema old');
    await client.query(first!.up(names).join(';'));
    await client.query('insert into old.schema_version (version, compatible_from) values (1, 1)');
    const holder = await connect();
    await holder.query('begin');
    await holder.query('select from old.ring');
    const app = start({ options: { schema: 'old', migrations: 'apply', processing: false } });
    const waits = `count(*) from pg_locks where not granted and relation = 'old.ring'::regclass`;
    await until('it to wait for the table', async () => (await value(waits)) === '1');
    // behind it, for as long as it waits
    const asked = performance.now();
    await (await connect()).query('select from old.ring');
    expect(performance.now() - asked).toBeGreaterThan(1_000);
    expect(await value('version from old.schema_version')).toBe(1);
    await holder.query('commit');
    await app;
    expect(await value('version from old.schema_version')).toBe(PgQueueModule.schemaVersion);
  });
});

describe('retention', () => {
  it('is an hour for completed jobs and 14 days for dead ones, by default', async () => {
    await value(`pgqueue.add('kept', 'job')`);
    const id: number = await value(`queue_id from pgqueue.queue where name = 'kept'`);
    expect(
      await value(`clock_timestamp() - since between interval '1 hour' and interval '1 hour 1 minute'
      from pgqueue.kept_jobs() where queue_id = ${id}`),
    ).toBe(true);
    for (const [job, days] of [
      [1, 13],
      [2, 15],
    ]) {
      await client.query(
        `insert into pgqueue.dead (queue_id, job_id, run, attempt, max_attempts, lane, created_at, reason, name, payload, died_at)
         values (${id}, ${job}, 1, 1, 1, 0, now(), 'exhausted', 'job', 'null', clock_timestamp() - interval '${days} days')`,
      );
    }
    expect(await value(`pgqueue.purge_dead(${id}, 10)`)).toBe(1);
    expect(await value(`job_id from pgqueue.dead where queue_id = ${id}`)).toBe('1');
  });
});

describe('a role that may not truncate', () => {
  const role = `no_truncate_${process.pid}_${Date.now()}`;

  beforeAll(async () => {
    const { code } = snippets('sql', ['docs/operating.md']).find((snippet) => snippet.code.includes('create role'))!;
    await client.query(code.replaceAll('app_worker', role));
    await client.query(`revoke truncate on all tables in schema pgqueue from ${role}`);
  });

  afterAll(async () => {
    await client.query(`drop owned by ${role}`);
    await client.query(`drop role ${role}`);
  });

  it('runs jobs and says in a warning that it cannot reclaim; with maintenance: false it does not try', async () => {
    const name = newQueue('no-truncate');
    const connection = { connectionString: database.url, options: `-c role=${role}` };
    const [trying, quiet] = [new RecordingLogger(), new RecordingLogger()];
    await rotated('pulse');
    const handler = processor(name, () => 'done');
    const { queue: of } = await start({ providers: [handler], options: { connection, logger: trying } });
    await start({ providers: [handler], options: { connection, logger: quiet, maintenance: false } });
    await until('the first look at what is due', async () => trying.texts('warn').length > 0);
    expect((await ended(of(name), await of(name).add('job', null))).returnvalue).toBe('done');
    expect(trying.texts('warn')).toEqual([
      expect.stringMatching(/^Upkeep \(reclaim pulse \d\) failed, trying on: .*may not truncate/),
    ]);
    expect(quiet.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
  });

  it('sees how long others’ transactions last with pg_read_all_stats only', async () => {
    const [other, its] = [await connect(), await connect()];
    await other.query('begin');
    await other.query('select pg_sleep(0.05)');
    await its.query(`set role ${role}`);
    const seen = `longest_transaction > interval '50 ms' from pgqueue.storage_stats`;
    expect(await value(seen, its)).not.toBe(true);
    await client.query(`grant pg_read_all_stats to ${role}`);
    expect(await value(seen, its)).toBe(true);
  });
});

describe('statistics', () => {
  const documented = table('docs/operating.md', '## Statistics');
  const sorted = (names: (string | undefined)[]): string => names.map(String).toSorted().join(' ');

  it.each(documented)('have the columns of %s', async (view, columns) => {
    const { rows } = await client.query<{ name: string }>(
      `select column_name as name from information_schema.columns where table_schema = 'pgqueue' and table_name = $1`,
      [quoted(view)],
    );
    expect(sorted(rows.map(({ name }) => name))).toBe(sorted(columns.match(/\w+/g)!));
  });

  it('are of all views that there are', async () => {
    const { rows } = await client.query<{ name: string }>(
      `select table_name as name from information_schema.views where table_schema = 'pgqueue' and table_name like '%\\_stats'`,
    );
    expect(sorted(rows.map(({ name }) => name))).toBe(sorted(documented.map(([view]) => quoted(view!))));
  });

  it('show a process while it runs, what it has in hand, and which names nobody handles', async () => {
    const name = newQueue('shown');
    const gate = deferred();
    const handler = processor(name, () => gate.promise, {}, 'known');
    const { queue: of, app } = await start({ providers: [handler] });
    const mine = `from pgqueue.process_stats where handles ? '${name}'`;
    await of(name).add('known', null);
    await of(name).add('unknown', null);
    await until('a sign of life with its job', async () => (await value(`max(in_flight) ${mine}`)) === 1);
    expect((await client.query(`select host, pid, wake_up, handles, dead ${mine}`)).rows).toEqual([
      { host: expect.any(String), pid: process.pid, wake_up: 'listen', handles: { [name]: ['known'] }, dead: false },
    ]);
    const ofQueue = (await client.query('select * from pgqueue.queue_stats where queue = $1', [name])).rows;
    expect(ofQueue).toMatchObject([
      {
        paused: false,
        waiting: '1',
        active: '1',
        estimated: [],
        unhandled: { unknown: 1 },
        oldest_waiting: expect.any(Date),
      },
    ]);
    gate.resolve();
    await app.close();
    expect(await value(`count(*) ${mine}`)).toBe('0');
  });
});
