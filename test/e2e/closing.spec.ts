import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { PgQueueModule, PgQueueRuntime } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase();
const start = testApplications(database);

async function connections(application_name: string): Promise<number> {
  const { rows } = await database.client.query(
    `select count(*)::int as n from pg_stat_activity where application_name = $1`,
    [application_name],
  );
  return rows[0].n;
}

describe('close()', () => {
  it('closes LISTEN and the pool, and takes the worker’s row away', async () => {
    const application_name = `closing-${database.schema}`;
    const connection = { connectionString: database.url, application_name };
    const name = newQueue();
    const { app, queue } = await start({ providers: [processor(name, () => 1)], options: { connection } });
    await ended(queue(name), await queue(name).add('job', null));
    expect(await connections(application_name)).toBeGreaterThan(0);
    await app.close();
    await until('the connections to be gone', async () => (await connections(application_name)) === 0);
    const { rows } = await database.client.query(`select count(*)::int as n from ${database.schema}.worker`);
    expect(rows[0].n).toBe(0);
    await expect(queue(name).add('job', null)).rejects.toMatchObject({ code: 'PGQUEUE_DATABASE_UNAVAILABLE' });
  });

  it('twice is once', async () => {
    const name = newQueue();
    const { app, queue } = await start({ providers: [processor(name, () => 1)] });
    await ended(queue(name), await queue(name).add('job', null));
    await Promise.all([app.close(), app.close()]);
    await expect(app.close()).resolves.toBeUndefined();
  });

  it('during startup is safe, and leaves nothing open', async () => {
    const application_name = `early-${database.schema}`;
    @Module({
      imports: [
        PgQueueModule.forRoot({
          connection: { connectionString: database.url, application_name },
          schema: database.schema,
          logger: false,
        }),
      ],
      providers: [processor('early', () => 1)],
    })
    class AppModule {}
    for (let ticks = 0; ticks < 40; ticks += 3) {
      const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
      const starting = app.init().catch(() => undefined);
      for (let i = 0; i < ticks; i++) await new Promise((resolve) => setImmediate(resolve));
      await app.close();
      await starting;
      // what a close() in the middle of init() could not see yet
      await app.close();
      await until('nothing to be open', async () => (await connections(application_name)) === 0);
    }
    expect(await connections(application_name)).toBe(0);
  });

  it('during a claim: what that brings is handed back, and the job is not lost', async () => {
    const name = newQueue();
    const pool = new pg.Pool({ connectionString: database.url });
    const ran: string[] = [];
    const handler = processor(name, () => void ran.push('first'));
    const { app } = await start({ providers: [handler], options: { pool } });
    const producer = (await start()).queue(name);
    const warm = await producer.add('job', null);
    await ended(producer, warm);
    // claims wait for the queue's lock
    const { rows } = await database.client.query(
      `select ${database.schema}.lock_key('queue', queue_id::text) as key from ${database.schema}.queue where name = $1`,
      [name],
    );
    await database.client.query('select pg_advisory_lock($1)', [rows[0].key]);
    const job = await producer.add('job', null);
    await until('the claim to wait', async () => {
      const waiting = await database.client.query(
        `select from pg_locks where locktype = 'advisory' and not granted
            and (classid::bigint << 32 | objid::bigint) = $1::bigint`,
        [rows[0].key],
      );
      return waiting.rowCount! > 0;
    });
    const closed = app.close();
    await database.client.query('select pg_advisory_unlock($1)', [rows[0].key]);
    await closed;
    await pool.end();
    expect(ran).toEqual(['first']);
    expect(await job.getState()).toBe('waiting');
    await start({ providers: [processor(name, (again) => again.attemptsStarted)] });
    expect((await ended(producer, job)).returnvalue).toBe(1);
  });

  it('start() and stop() of the runtime follow each other in any order', async () => {
    const name = newQueue();
    const { app, queue } = await start({ providers: [processor(name, () => 'ran')] });
    const runtime = app.get(PgQueueRuntime);
    await Promise.all([
      runtime.stop(),
      runtime.start(),
      runtime.stop(),
      runtime.stop(),
      runtime.start(),
      runtime.start(),
    ]);
    expect(runtime.running).toBe(true);
    expect((await ended(queue(name), await queue(name).add('job', null))).returnvalue).toBe('ran');
  });
});
