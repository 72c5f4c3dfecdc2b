import { describe, expect, it } from 'vitest';
import { RecordingLogger } from '../support/application.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

const NEVER = { pollInterval: '10m' } as const;

async function backends(application_name: string): Promise<number[]> {
  const { rows } = await database.client.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = $1`,
    [application_name],
  );
  return rows.map(({ pid }) => pid);
}

/** A LISTEN connection that can be told from others. */
function listenAs(application_name: string): { connectionString: string; application_name: string } {
  return { connectionString: database.url, application_name };
}

async function hears(application_name: string, not?: number): Promise<number> {
  let found: number | undefined;
  await until('LISTEN', async () => {
    const { rows } = await database.client.query<{ pid: number }>(
      // the last thing it does before it counts as listening
      `select pid from pg_stat_activity a where application_name = $1
         and exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory' and l.granted)`,
      [application_name],
    );
    found = rows[0]?.pid;
    return found !== undefined && found !== not;
  });
  return found!;
}

describe('an idle worker that polls every 10 minutes', () => {
  it('runs what another process adds, having been notified', async () => {
    const name = newQueue();
    const listen = listenAs(`${database.schema}-1`);
    await start({ providers: [processor(name, () => 'ran', NEVER)], options: { listen } });
    await hears(listen.application_name);
    const producer = (await start({ options: { processing: false } })).queue(name);
    for (let i = 0; i < 5; i++) expect((await ended(producer, await producer.add('job', i))).returnvalue).toBe('ran');
  });

  it('runs what SQL adds', async () => {
    const name = newQueue();
    const listen = listenAs(`${database.schema}-2`);
    const handler = processor(name, (job) => [job.name, job.data, job.opts.attempts], NEVER);
    const { queue } = await start({ providers: [handler], options: { listen } });
    await hears(listen.application_name);
    const { rows } = await database.client.query(
      `select ${database.schema}.add($1, 'welcome', '{"to": "a@example.com"}', '{"attempts": 7}')::text as id`,
      [name],
    );
    const job = await ended(queue(name), { id: rows[0].id });
    expect(job.returnvalue).toEqual(['welcome', { to: 'a@example.com' }, 7]);
  });

  it('listens again when its LISTEN connection is cut, and says so once', async () => {
    const name = newQueue();
    const listen = listenAs(`${database.schema}-3`);
    const logger = new RecordingLogger();
    await start({ providers: [processor(name, () => 'ran', NEVER)], options: { listen, logger } });
    const producer = (await start({ options: { processing: false } })).queue(name);
    const pid = await hears(listen.application_name);
    await database.client.query('select pg_terminate_backend($1)', [pid]);
    // while it is deaf it polls
    expect((await ended(producer, await producer.add('job', 1))).returnvalue).toBe('ran');
    await hears(listen.application_name, pid);
    expect((await ended(producer, await producer.add('job', 2))).returnvalue).toBe('ran');
    expect(await backends(listen.application_name)).toHaveLength(1);
    expect(logger.texts('warn').filter((line) => line.includes('LISTEN'))).toHaveLength(1);
  });

  it('polls every second while LISTEN cannot connect', async () => {
    const name = newQueue();
    const url = new URL(database.url);
    url.password = 'wrong';
    const handler = processor(name, () => 'ran', NEVER);
    await start({ providers: [handler], options: { listen: url.href } });
    const producer = (await start({ options: { processing: false } })).queue(name);
    expect((await ended(producer, await producer.add('job', 1))).returnvalue).toBe('ran');
  });
});

it('listen: false opens no such connection, and polls', async () => {
  const name = newQueue();
  const application_name = `${database.schema}-4`;
  const handler = processor(name, () => 'ran', { pollInterval: 50 });
  await start({
    providers: [handler],
    options: { listen: false, connection: { connectionString: database.url, application_name } },
  });
  const producer = (await start({ options: { processing: false } })).queue(name);
  for (let i = 0; i < 3; i++) expect((await ended(producer, await producer.add('job', i))).returnvalue).toBe('ran');
  const { rows } = await database.client.query(
    `select count(*)::int as n from pg_stat_activity where application_name = $1 and query ilike 'listen%'`,
    [application_name],
  );
  expect(rows[0].n).toBe(0);
});

it('a notification that is lost costs a poll, not a job', async () => {
  const name = newQueue();
  await start({ providers: [processor(name, () => 'ran', { pollInterval: 50 })] });
  const { schema } = database;
  const producer = (await start({ options: { processing: false } })).queue(name);
  await database.client.query(
    `create or replace function ${schema}.notify_once(_wake text) returns void language sql as $$ select $$`,
  );
  expect((await ended(producer, await producer.add('job', 1))).returnvalue).toBe('ran');
});

it('a retry that is due while its process is full runs in another', async () => {
  const queue = newQueue();
  const holds = new Map<string, () => void>();
  const ran: string[] = [];
  const handler = (who: string) =>
    processor(
      queue,
      async ({ data, attemptsStarted }) => {
        if (data === 'fails' && attemptsStarted === 1) throw new Error('once');
        if (data === 'fails') ran.push(who);
        else await new Promise<void>((resolve) => holds.set(who, resolve));
      },
      { ...NEVER, concurrency: 1 },
    );
  const { queue: jobs } = await start({ providers: [handler('other')] });
  await jobs(queue).add('job', 'holds');
  await until('the other to be full', () => holds.has('other'));
  await start({ providers: [handler('its own')] });
  // longer than until the first poll, for which LISTEN was not there yet
  const job = await jobs(queue).add('job', 'fails', { backoff: 2_000 });
  await until(
    'it to be delayed',
    async () => (await jobs(queue).getJob(job.id))?.getState().then((is) => is === 'delayed') ?? false,
  );
  await jobs(queue).add('job', 'holds');
  await until('its process to be full', () => holds.has('its own'));
  holds.get('other')!();
  await until('it to run', () => ran.length === 1);
  expect(ran).toEqual(['other']);
  holds.get('its own')!();
});
