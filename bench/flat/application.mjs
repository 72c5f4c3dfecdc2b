import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import pg from 'pg';
import { PgConnection } from '../../dist/engine/postgres/connection.js';
import { Notifier } from '../../dist/engine/postgres/notifier.js';
import { PostgresJobEngine } from '../../dist/engine/postgres/postgres-job.engine.js';
import { PostgresListener } from '../../dist/engine/postgres/postgres-listener.js';
import { QueueIds } from '../../dist/engine/postgres/queue-ids.js';
import { PgQueueModule, PgQueueRuntime, Process, Processor, QueueService } from '../../dist/index.js';
import { QueueRuntime } from '../../dist/runtime/runtime.js';
import { PG_QUEUE_OPTIONS } from '../../dist/utils/tokens.js';
import { RecordingMaintenance, RecordingWorkerEngine } from './recorder.mjs';

/**
 * A Nest application with this package at its defaults, but for what an hour would take too long for: segments are
 * rotated when they are `rotation.age` ms old, and completed jobs kept for `retention` ms.
 */
export async function startFlatApplication({ url, schema, rotation, retention, recorder, run }) {
  const pool = new pg.Pool({ connectionString: url });
  class FlatProcessor {
    async run(job) {
      run(job);
    }
  }
  Process('work')(FlatProcessor.prototype, 'run', Object.getOwnPropertyDescriptor(FlatProcessor.prototype, 'run'));
  Processor('flat')(FlatProcessor);
  class FlatModule {}
  Module({
    imports: [
      PgQueueModule.registerQueue({ name: 'flat', retention: { completed: { age: retention } } }),
      PgQueueModule.registerQueue({ name: 'probe', retention: { completed: { age: retention } } }),
      PgQueueModule.forRoot({ pool, schema, migrations: 'apply', processing: false, listen: url }),
    ],
    providers: [FlatProcessor],
  })(FlatModule);
  const testing = await Test.createTestingModule({ imports: [FlatModule] })
    .overrideProvider(QueueRuntime)
    .useFactory({
      factory: (connection, options, jobs, queues, notifier) => {
        const listener = new PostgresListener(connection, { enabled: true, log: options.logger });
        return new QueueRuntime({
          engine: new RecordingWorkerEngine(recorder, connection, queues, notifier, listener),
          jobs,
          maintenance: new RecordingMaintenance(recorder, connection),
          listener,
          limits: options,
          log: options.logger,
          rotation,
        });
      },
      inject: [PgConnection, PG_QUEUE_OPTIONS, PostgresJobEngine, QueueIds, Notifier],
    })
    .compile();
  testing.useLogger(['error', 'warn']);
  await testing.init();
  return {
    queue: testing.get(QueueService, { strict: false }).queue('flat'),
    start: () => testing.get(PgQueueRuntime, { strict: false }).start(),
    async close() {
      await testing.close();
      await pool.end();
    },
  };
}
