import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll } from 'vitest';
import { type PgQueueModuleOptions, StreamClient } from '../../../lib/index.js';
import { startApplication } from '../../support/application.js';
import type { TestDatabase } from '../../support/database.js';
import type { Driver, StreamDriver, UserTransaction } from './driver.js';

/** What does not fit into the default is sent, too. */
const MAX_DATA_BYTES = 6 * 1_048_576;

let streams = 0;

/**
 * The module's own streams, as two applications have them. Registers beforeAll and afterAll.
 *
 * @param options asked for when they start.
 */
export function ownStreams(database: TestDatabase, options: () => PgQueueModuleOptions = () => ({})): Driver {
  const applications: INestApplicationContext[] = [];
  let driver: StreamDriver | undefined;
  beforeAll(async () => {
    for (let i = 0; i < 2; i++) {
      applications.push(await startApplication(database, { options: { maxDataBytes: MAX_DATA_BYTES, ...options() } }));
    }
    const [client, other] = applications.map((app) => app.get(StreamClient));
    driver = { ...beside(database), client: client!, other: other! };
  });
  afterAll(async () => {
    await Promise.all(applications.map((app) => app.close()));
  });
  return () => driver!;
}

function beside(database: TestDatabase): Omit<StreamDriver, 'client' | 'other'> {
  const s = database.schema;
  return {
    differences: { maxLimitsBatch: true, nackedStaysInBatch: false, replayIsNewEvent: false, deadOutliveGroup: false },
    newStream: async () => `stream ${++streams}`,
    // what is committed is visible, and what is due is looked for by whoever receives
    settle: async () => undefined,
    // no clock of the stream's goes on: all that happens is that transactions come and go
    async idle(_stream, times) {
      for (let i = 0; i < times; i++) await database.client.query('select pg_current_xact_id()');
    },
    async begin(): Promise<UserTransaction> {
      const tx = await database.connect();
      await tx.query('begin');
      const end = async (how: string): Promise<void> => {
        await tx.query(how);
        await tx.end();
      };
      return {
        tx,
        query: async (sql) => tx.query(sql),
        commit: async () => end('commit'),
        rollback: async () => end('rollback'),
      };
    },
    async setAttempts(stream, group, attempts) {
      await database.client.query(
        `update ${s}.queue set settings = jsonb_set(settings, '{attempts}', $3::jsonb) where name = $1 || chr(31) || $2`,
        [stream, group, attempts],
      );
    },
    async stored(stream) {
      const { rows } = await database.client.query(
        `select count(*)::int as n from ${s}.event e join ${s}.queue q on q.queue_id = e.stream_id where q.name = chr(31) || $1`,
        [stream],
      );
      return rows[0].n;
    },
  };
}
