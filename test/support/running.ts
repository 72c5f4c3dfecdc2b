import type { INestApplicationContext, Type } from '@nestjs/common';
import { afterEach } from 'vitest';
import {
  type ActiveJob,
  type Job,
  Process,
  type ProcessOptions,
  Processor,
  type Queue,
  QueueService,
  type WorkerOptions,
} from '../../lib/index.js';
import { type ApplicationParts, startApplication } from './application.js';
import type { TestDatabase } from './database.js';
import { until } from './signals.js';

export interface RunningApplication {
  readonly app: INestApplicationContext;
  readonly jobs: QueueService;
  readonly queue: <Data = any, Result = any>(name: string) => Queue<Data, Result>;
}

/** Starts applications, and closes after each test those that are still open. */
export function testApplications(database: TestDatabase): (parts?: ApplicationParts) => Promise<RunningApplication> {
  const open: INestApplicationContext[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()));
  });
  return async (parts = {}) => {
    const app = await startApplication(database, parts);
    open.push(app);
    const jobs = app.get(QueueService);
    return { app, jobs, queue: (name) => jobs.queue(name) };
  };
}

const begins = new WeakMap<Type, number>();

/** Resolves when a processor() has begun so many jobs. They are active before: as soon as its process has leased them. */
export async function begun(of: Type, jobs = 1): Promise<void> {
  await until(`${jobs} to begin`, () => (begins.get(of) ?? 0) >= jobs);
}

/** A processor class that takes every job of a queue, or those of one name, with one function. */
export function processor(
  queue: string,
  handle: (job: ActiveJob, ...more: never[]) => unknown,
  worker?: WorkerOptions,
  process?: ProcessOptions | string,
): Type {
  class TestProcessor {
    handle(job: ActiveJob, ...more: never[]): unknown {
      begins.set(TestProcessor, (begins.get(TestProcessor) ?? 0) + 1);
      return handle(job, ...more);
    }
  }
  const { prototype } = TestProcessor;
  Process(process)(prototype, 'handle', Object.getOwnPropertyDescriptor(prototype, 'handle')!);
  Processor(queue, worker)(TestProcessor);
  return TestProcessor;
}

let queues = 0;

/** A queue that no other test uses. */
export function newQueue(about = 'queue'): string {
  return `${about}-${++queues}`;
}

/** Resolves to the job as it is when it has completed or died. */
export async function ended<Data, Result>(
  queue: Queue<Data, Result>,
  { id }: Pick<Job, 'id'>,
  within?: number,
): Promise<Job<Data, Result>> {
  await inState(queue, { id }, ['completed', 'failed'], within);
  return (await queue.getJob(id))!;
}

/** Resolves when the job is in one of the states. */
export async function inState(
  queue: Queue,
  { id }: Pick<Job, 'id'>,
  states: string | readonly string[],
  within?: number,
): Promise<void> {
  const wanted = [states].flat();
  await until(
    `job ${id} of ${queue.name} to be ${wanted.join(' or ')}`,
    async () => {
      const job = await queue.getJob(id);
      return job !== undefined && wanted.includes(await job.getState());
    },
    within,
  );
}
