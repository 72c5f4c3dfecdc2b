import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { PgQueueModule, PgQueueRuntime, Process, Processor, QueueService } from '../../dist/index.js';

/** A Nest application with this package at its defaults; handlers do nothing but say that they ran. */
export async function startApplication({ url, schema, queue = 'bench', onJob, options = {} }) {
  const pool = new pg.Pool({ connectionString: url });
  let statements = 0;
  const count = (client) => {
    const query = client.query.bind(client);
    client.query = (...args) => {
      statements++;
      return query(...args);
    };
  };
  pool.on('connect', count);

  class BenchProcessor {
    async run(job) {
      onJob?.(job);
    }
  }
  Process('noop')(BenchProcessor.prototype, 'run', Object.getOwnPropertyDescriptor(BenchProcessor.prototype, 'run'));
  Processor('bench')(BenchProcessor);
  class BenchModule {}
  Module({
    imports: [PgQueueModule.forRoot({ pool, schema, migrations: 'apply', processing: false, listen: url, ...options })],
    providers: [BenchProcessor],
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error', 'warn'] });
  const queues = app.get(QueueService);
  return {
    queue: queues.queue(queue),
    start: () => app.get(PgQueueRuntime).start(),
    get statements() {
      return statements;
    },
    async close() {
      await app.close();
      await pool.end();
    },
  };
}
