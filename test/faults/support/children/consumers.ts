import type { Type } from '@nestjs/common';
import * as pgqueue from '../../../../lib/index.js';
import type { StreamConsumerOptions, StreamContext, StreamEvent } from '../../../../lib/index.js';
import type { ChildLedger } from './child-ledger.js';

// not by name: an old release, which is built with these files, has none of them
const { OnStreamBatch, OnStreamEvent, StreamConsumer } = pgqueue;

export interface ConsumerSpec extends Partial<StreamConsumerOptions> {
  readonly stream: string;
  /** Whether it takes batches; or single events, with their effects and the position in one transaction. */
  readonly takes?: 'batches' | 'exactly once';
}

const sleep = async (ms: number): Promise<void> => {
  await new Promise((resolve) => setTimeout(resolve, ms));
};

/** A consumer whose group's name is its queue's in the ledger. Each event's data says how long it takes. */
export function consumerOf(group: string, spec: object, ledger: ChildLedger): Type {
  const { stream, takes, ...options } = spec as ConsumerSpec;
  const began = async ({ id, type, data, retryCount }: StreamEvent): Promise<string> =>
    ledger.began({ queue: group, name: type, key: data.k, job: id, attempt: retryCount + 1 });

  class Consumer {
    async one(event: StreamEvent, context: StreamContext): Promise<void> {
      const run = await began(event);
      await sleep(event.data.ms);
      if (takes === 'exactly once') await effect(event.data.k, context);
      await ledger.ended(run, 'done');
    }

    async many(events: readonly StreamEvent[]): Promise<void> {
      const runs = await Promise.all(events.map(began));
      await sleep(Math.max(...events.map(({ data }) => data.ms)));
      for (const run of runs) await ledger.ended(run, 'done');
    }
  }

  async function effect(key: string, context: StreamContext): Promise<void> {
    const client = await ledger.pool.connect();
    try {
      await client.query('begin');
      await client.query(`insert into ${ledger.schema}.effect (key, pid) values ($1, $2)`, [key, process.pid]);
      await context.commitIn(client);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }

  const [method, decorate] =
    takes === 'batches' ? (['many', OnStreamBatch] as const) : (['one', OnStreamEvent] as const);
  const { prototype } = Consumer;
  decorate()(prototype, method, Object.getOwnPropertyDescriptor(prototype, method)!);
  StreamConsumer(stream, { group, startFrom: 'start', ...options })(Consumer);
  return Consumer;
}
