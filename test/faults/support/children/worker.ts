import 'reflect-metadata';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import * as pgqueue from '../../../../lib/index.js';
import { HANDLERS } from './handlers.js';
import { ChildLedger } from './child-ledger.js';
import { consumerOf } from './consumers.js';
import { runMode } from './modes.js';

const { CHILD = '{}' } = process.env;
const spec = JSON.parse(CHILD);
const { ActiveJob, PgQueueModule, Process, Processor } = pgqueue;

const tell = (event: string, more: object = {}): void => {
  if (process.connected) process.send!({ event, ...more });
};
// whoever started it is gone: nobody will kill it
const onDisconnect = (): void => process.exit(3);
process.on('disconnect', onDisconnect);
const leave = (): void => {
  process.off('disconnect', onDisconnect);
  process.disconnect?.();
};

const ledger = new ChildLedger(spec.ledgerUrl, spec.ledgerSchema, spec.as ?? process.pid);

function processorOf(queue: string, options: object): Type {
  class Worker {
    async handle(job: InstanceType<typeof ActiveJob>, client?: pg.PoolClient): Promise<unknown> {
      const handler = HANDLERS[job.name] ?? HANDLERS['work']!;
      return handler({ job, ledger, tell, queue, pool, ...(client && { client }) });
    }
  }
  const { prototype } = Worker;
  const names: (string | undefined)[] = (options as { names?: string[] }).names ?? [undefined];
  const { names: _, transactional, ...rest } = options as { names?: string[]; transactional?: true };
  for (const name of names) {
    const process = transactional === undefined ? name : { ...(name !== undefined && { name }), transactional };
    Process(process)(prototype, 'handle', Object.getOwnPropertyDescriptor(prototype, 'handle')!);
  }
  Processor(queue, rest)(Worker);
  return Worker;
}

// a completion that is refused is not written down anywhere: it rolls back
const whole = Object.getOwnPropertyDescriptor(ActiveJob.prototype, 'completeIn')!.value;
ActiveJob.prototype.completeIn = async function (...args) {
  try {
    await whole.apply(this, args);
  } catch (error) {
    tell('completion refused', { key: this.data.k, why: (error as Error).name });
    throw error;
  }
};

// an application's own pool, which its handlers use as well
const pool =
  spec.sharedPool === undefined ? undefined : new pg.Pool({ connectionString: spec.url, max: spec.sharedPool });

const lines = (level: string) => (message: unknown) => tell('log', { level, text: String(message) });
const logger = { log: lines('log'), warn: lines('warn'), error: lines('error'), debug: lines('debug') };

@Module({
  imports: [
    PgQueueModule.forRoot({
      ...(pool === undefined ? { connection: spec.url } : { pool }),
      schema: spec.schema,
      logger,
      ...spec.options,
    }),
  ],
  providers: [
    ...Object.entries(spec.queues ?? {}).map(([queue, options]) => processorOf(queue, options as object)),
    ...Object.entries(spec.groups ?? {}).map(([group, how]) => consumerOf(group, how as object, ledger)),
  ],
})
class AppModule {}

tell('booting');
try {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  if (spec.hooks !== false) app.enableShutdownHooks();
  await runMode(spec.mode, { app, ledger, tell, leave, spec });
  tell('ready', { now: Date.now() });
  // the channel to the parent alone keeps no process alive
  process.channel?.unref();
} catch (error) {
  tell('failed', { name: (error as Error).name, message: (error as Error).message });
  console.error(error);
  process.exitCode = 1;
  leave();
}
