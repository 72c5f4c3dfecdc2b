import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll } from 'vitest';
import { getStreamClientToken, type StreamClient } from '../../../lib/index.js';
import type { PgqueDatabase } from '../../pgque/shim/pgque-database.js';
import { hasPgque } from '../../pgque/shim/install-pgque.js';
import { startApplication } from '../../support/application.js';
import type { Driver, StreamDriver, UserTransaction } from './driver.js';

const MAX_DATA_BYTES = 6 * 1_048_576;

/** PgQue, as two applications have it; whoever tests is its ticker. Registers beforeAll and afterAll. */
export function pgqueStreams(database: PgqueDatabase): Driver {
  const applications: INestApplicationContext[] = [];
  let driver: StreamDriver | undefined;
  beforeAll(async () => {
    if (!hasPgque) return;
    for (let i = 0; i < 2; i++) {
      const options = { maxDataBytes: MAX_DATA_BYTES, migrations: 'off' } as const;
      const where = { url: database.url, schema: 'pgqueue', client: database.main.client, connect: connect(database) };
      applications.push(await startApplication(where, { options }));
    }
    const [client, other] = applications.map((app) => app.get<StreamClient>(getStreamClientToken('pgque')));
    driver = { ...beside(database), client: client!, other: other! };
  });
  afterAll(async () => {
    await Promise.all(applications.map((app) => app.close()));
  });
  return () => driver!;
}

const connect = (database: PgqueDatabase) => async () => (await database.session()).client;

function beside(database: PgqueDatabase): Omit<StreamDriver, 'client' | 'other'> {
  return {
    differences: { maxLimitsBatch: false, nackedStaysInBatch: true, replayIsNewEvent: true, deadOutliveGroup: true },
    newStream: async () => database.main.queue([]),
    async settle(stream) {
      while ((await database.main.call<number>('maint_retry_events')) > 0);
      await database.main.tick(stream);
    },
    async idle(stream, times) {
      for (let i = 0; i < times; i++) await database.main.tick(stream);
    },
    async begin(): Promise<UserTransaction> {
      const tx = await connect(database)();
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
    async setAttempts(stream, _group, attempts) {
      await database.main.call('set_queue_config', stream, 'max_retries', String(attempts - 1));
    },
    async stored(stream) {
      const table = await database.main.value('select queue_data_pfx from pgque.queue where queue_name = $1', [stream]);
      return database.main.value<number>(`select count(*)::int from ${table}`);
    },
  };
}
