import type { Type } from '@nestjs/common';
import { beforeAll } from 'vitest';
import { migrationSql } from '../../../lib/engine/postgres/migrations/index.js';
import {
  OnStreamBatch,
  OnStreamEvent,
  type PgQueueModuleOptions,
  StreamConsumer,
  type StreamConsumerOptions,
  type StreamContext,
  type StreamEvent,
} from '../../../lib/index.js';
import { type ApplicationParts, RecordingLogger } from '../../support/application.js';
import { type RunningApplication, testApplications } from '../../support/running.js';
import { until } from '../../support/signals.js';
import { hasPgque } from '../shim/install-pgque.js';
import type { PgqueDatabase, PgqueSession } from '../shim/pgque-database.js';

/** Applications on a database with PgQue, closed after each test. Nobody ticks, unless the options say so. */
export function pgqueApplications(
  database: PgqueDatabase,
): (parts?: ApplicationParts) => Promise<RunningApplication & { readonly logger: RecordingLogger }> {
  beforeAll(async () => {
    if (hasPgque) await database.main.client.query(migrationSql({ schema: 'pgqueue' }));
  });
  const start = testApplications({
    get url() {
      return database.url;
    },
    schema: 'pgqueue',
    get client() {
      return database.main.client;
    },
    connect: async () => (await database.session()).client,
  });
  return async ({ options, ...parts } = {}) => {
    const logger = new RecordingLogger();
    const all: PgQueueModuleOptions = { pgque: { ticker: false }, logger, migrations: 'off', ...options };
    return { ...(await start({ ...parts, options: all })), logger };
  };
}

type Options = Partial<StreamConsumerOptions>;

/** A class that takes every event of a queue. */
export function pgqueConsumer(
  queue: string,
  handle: (event: StreamEvent, context: StreamContext) => unknown,
  options: Options = {},
): Type {
  @StreamConsumer(queue, { group: 'consumer', engine: 'pgque', ...options })
  class Consumer {
    @OnStreamEvent()
    handle(event: StreamEvent, context: StreamContext): unknown {
      return handle(event, context);
    }
  }
  return Consumer;
}

/** A class that takes the batches of a queue. */
export function pgqueBatches(
  queue: string,
  handle: (events: readonly StreamEvent[], context: StreamContext) => unknown,
  options: Options = {},
): Type {
  @StreamConsumer(queue, { group: 'consumer', engine: 'pgque', ...options })
  class Batches {
    @OnStreamBatch()
    handle(events: StreamEvent[], context: StreamContext): unknown {
      return handle(events, context);
    }
  }
  return Batches;
}

/** Sends many at once. */
export async function sendMany(session: PgqueSession, queue: string, count: number): Promise<void> {
  await session.rows(`select pgque.send($1, 'default', n::text) from generate_series(1, $2::int) n`, [queue, count]);
}

/** Whether a consumer has nothing more to take: its position is the queue's last tick, and no batch is open. */
export async function isDone(session: PgqueSession, queue: string, consumer = 'consumer'): Promise<boolean> {
  return session.value<boolean>(
    `select c.current_batch is null and c.last_tick = (select max(tick_id) from pgque.tick t, pgque.queue q
       where q.queue_name = $1 and t.tick_queue = q.queue_id)
     from pgque.get_consumer_info($1, $2) c`,
    [queue, consumer],
  );
}

export async function untilDone(session: PgqueSession, queue: string, consumer = 'consumer'): Promise<void> {
  await until(`'${consumer}' to be done with '${queue}'`, async () => isDone(session, queue, consumer));
}

/** What waits for a consumer's next delivery. */
export async function retries(
  session: PgqueSession,
  queue: string,
): Promise<{ id: string; retry: number; seconds: number }[]> {
  return session.rows(
    `select r.ev_id as id, r.ev_retry as retry, round(extract(epoch from r.ev_retry_after - now()))::int as seconds
     from pgque.retry_queue r join pgque.queue q on q.queue_id = r.ev_queue where q.queue_name = $1 order by 1`,
    [queue],
  );
}
