import type { Type } from '@nestjs/common';
import {
  OnStreamEvent,
  StreamConsumer,
  type StreamConsumerOptions,
  type StreamContext,
  type StreamEvent,
} from '../../lib/index.js';
import type { TestDatabase } from './database.js';

let streams = 0;

/** A stream that no other test of its file uses. */
export const newStream = (): string => `stream ${++streams}`;

export type Handle = (event: StreamEvent, context: StreamContext) => unknown;

/** A class that takes everything of a stream for a group. */
export function consumer(stream: string, handle: Handle, options: Partial<StreamConsumerOptions> = {}): Type {
  @StreamConsumer(stream, { group: 'g', startFrom: 'start', ...options })
  class Consumer {
    @OnStreamEvent()
    handle(event: StreamEvent, context: StreamContext): unknown {
      return handle(event, context);
    }
  }
  return Consumer;
}

export interface Publishing {
  /** Each in a transaction of its own, as `{ n }`. Returns the ids. */
  readonly publish: (stream: string, ...numbers: number[]) => Promise<string[]>;
  readonly publishOne: (stream: string, data: unknown, type?: string, key?: string | null) => Promise<string>;
}

/** Publishes from SQL. */
export function publishing(database: TestDatabase): Publishing {
  const publishOne: Publishing['publishOne'] = async (stream, data, type = 'default', key = null) => {
    const { rows } = await database.client.query(`select ${database.schema}.publish($1, $2, $3, $4) as id`, [
      stream,
      type,
      JSON.stringify(data),
      key,
    ]);
    return rows[0].id;
  };
  return {
    publishOne,
    async publish(stream, ...numbers) {
      const ids: string[] = [];
      for (const n of numbers) ids.push(await publishOne(stream, { n }));
      return ids;
    },
  };
}

/** The dead letters of a stream's groups, by the database. */
export async function deadLetters(
  database: TestDatabase,
  stream: string,
): Promise<{ id: string; reason: string; errors: string[] }[]> {
  const { rows } = await database.client.query(
    `select d.job_id as id, d.reason, d.meta->'errors' as errors from ${database.schema}.dead d
join ${database.schema}.queue q on q.queue_id = d.queue_id where q.name like $1 || chr(31) || '%' order by 1`,
    [stream],
  );
  return rows.map(({ errors, ...row }) => ({
    ...row,
    errors: errors.map(({ message }: { message: string }) => message),
  }));
}
