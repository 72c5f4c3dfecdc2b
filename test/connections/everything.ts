import type { Provider } from '@nestjs/common';
import pg from 'pg';
import { expect } from 'vitest';
import { type ActiveJob, type Job, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { ended, inState, newQueue, type RunningApplication } from '../support/running.js';
import { until } from '../support/signals.js';

/** A processor that runs jobs of every kind; its own rows go through a pool of its own. */
export function everything(queue: string, databaseUrl: string, seen: string[] = []): Provider {
  @Processor(queue, { pollInterval: 600_000 })
  class Everything {
    readonly #pool = new pg.Pool({ connectionString: databaseUrl, max: 1, idleTimeoutMillis: 0 });
    readonly #failedOnce = new Set<string>();

    async onModuleInit(): Promise<void> {
      // the server may end it for being idle
      this.#pool.on('error', () => undefined);
      await this.#pool.query('select');
    }

    @Process('plain')
    plain(job: ActiveJob<number>): number {
      return job.data * 2;
    }

    @Process('second-time')
    secondTime(job: ActiveJob): string {
      if (!this.#failedOnce.has(job.id)) {
        this.#failedOnce.add(job.id);
        throw new Error('not yet');
      }
      return 'at last';
    }

    @Process('in-transaction')
    async inTransaction(job: ActiveJob): Promise<void> {
      const client = await this.#pool.connect();
      await client.query('begin isolation level read committed read write');
      await job.completeIn(client, 'with my rows');
      await client.query('commit');
      client.release();
    }

    @OnWorkerEvent('completed')
    completed(job: ActiveJob): void {
      seen.push(job.name);
    }

    async onModuleDestroy(): Promise<void> {
      await this.#pool.end();
    }
  }
  return Everything;
}

/** What becomes of all of them. */
export const ALL_COMPLETED = { completed: 58 };

export interface EverythingParts {
  readonly start: (providers: Provider[]) => Promise<RunningApplication>;
  /** Where the handlers' own transactions go. */
  readonly databaseUrl: string;
}

/**
 * Jobs of every kind, to their ends: one by one, in bulk, delayed, unique, retried, and completed in a transaction.
 * Resolves to how often each state is among them.
 */
export async function runEverything({ start, databaseUrl }: EverythingParts): Promise<Record<string, number>> {
  const name = newQueue('everything');
  const seen: string[] = [];
  const { queue } = await start([everything(name, databaseUrl, seen)]);
  const jobs = queue(name);
  const plain = await Promise.all(Array.from({ length: 20 }, (_, i) => jobs.add('plain', i)));
  const bulk = await jobs.addBulk(Array.from({ length: 30 }, (_, i) => ({ name: 'plain', data: i })));
  const retried = await Promise.all(
    Array.from({ length: 5 }, () => jobs.add('second-time', null, { attempts: 2, backoff: 20 })),
  );
  const delayed = await jobs.add('plain', 21, { delay: 300 });
  const unique = await jobs.add('plain', 1, { uniqueKey: 'one' });
  const inTransaction = await jobs.add('in-transaction', null);
  const all: Job[] = [...plain, ...bulk, ...retried, delayed, unique, inTransaction];
  for (const job of all) await inState(jobs, job, ['completed', 'failed'], 20_000);
  for (const job of retried) expect((await ended(jobs, job)).returnvalue).toBe('at last');
  expect((await ended(jobs, delayed)).returnvalue).toBe(42);
  expect((await ended(jobs, inTransaction)).returnvalue).toBe('with my rows');
  const states: Record<string, number> = {};
  for (const { id } of all) {
    const state = await (await jobs.getJob(id))!.getState();
    states[state] = (states[state] ?? 0) + 1;
  }
  await until('every event', () => seen.length === all.length);
  return states;
}
