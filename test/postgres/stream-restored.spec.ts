import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PgQueueModule, StreamService } from '../../lib/index.js';
import type { LocalPostgres } from '../../sample/local-postgres.js';
import { consumer, type Handle } from '../support/consuming.js';
import { dumpAndRestore, hasDebianPostgres, startDebianPostgres } from '../support/debian-postgres.js';
import { deferred, until } from '../support/signals.js';

async function application(url: string, consumers: Type[] = []) {
  @Module({
    imports: [
      PgQueueModule.forRoot({
        connection: url,
        logger: false,
        migrations: 'apply',
        processing: consumers.length > 0,
      }),
    ],
    providers: consumers,
  })
  class RestoredModule {}
  const app = await NestFactory.createApplicationContext(RestoredModule, { logger: false, abortOnError: false });
  return { app, streams: app.get(StreamService) };
}

const BATCH = 7;
const byKey = (n: number): string => `key ${n % 5}`;

describe.skipIf(!hasDebianPostgres)(
  'streams of a database that is restored in another cluster (needs Debian’s PostgreSQL 15)',
  () => {
    let source: LocalPostgres;
    let target: LocalPostgres;

    beforeAll(async () => {
      source = await startDebianPostgres();
      target = await startDebianPostgres();
    });

    afterAll(async () => {
      await Promise.all([source.stop(), target.stop()]);
    });

    it('are read on by their groups: nothing is lost, and nothing repeated but what was in hand', async () => {
      const client = new pg.Client(source.url);
      await client.connect();
      const { app, streams } = await application(source.url);
      await client.query('do $$ begin for i in 1 .. 3000 loop perform pg_current_xact_id(); commit; end loop; end $$');
      const publish = async (by: StreamService, from: number, end: number): Promise<void> => {
        for (let n = from; n < end; n++) await by.publish('s', { data: n, key: byKey(n) });
      };
      const seen: Record<string, number[]> = { plain: [], keyed: [], whole: [] };
      const group = (name: string, hold: 'nothing' | 'key' | 'stream', handle: Handle) =>
        consumer('s', handle, { group: name, hold, maxMessages: BATCH });
      const groups = (note: (name: string, n: number) => unknown): Type[] => [
        group('plain', 'nothing', ({ data }) => note('plain', data)),
        group('keyed', 'key', ({ data }) => note('keyed', data)),
        group('whole', 'stream', ({ data }) => note('whole', data)),
      ];
      const late = new pg.Client(source.url);
      for (const one of [client, late]) one.on('error', () => undefined);
      await late.connect();
      // each stops in the middle of a batch, with events from before and after a transaction that was open when it came by
      const stopped = deferred();
      const running = await application(
        source.url,
        groups(async (name, n) => {
          if (seen[name]!.length === 60) return stopped.promise;
          return void seen[name]!.push(n);
        }),
      );
      await publish(streams, 0, 40);
      await until('them to be read', () => Object.values(seen).every((of) => of.length === 40));
      await late.query('begin');
      await late.query(
        `select pgqueue.publish('s', 'default', to_jsonb(n), 'late') from generate_series(1000, 1002) n`,
      );
      await publish(streams, 40, 300);
      await until('them to be stopped', () => Object.values(seen).every((of) => of.length === 60));
      await late.query('commit');
      await publish(streams, 300, 400);
      dumpAndRestore(source.url, target.url);
      stopped.resolve();
      await Promise.all([running.app, app].map(async (one) => one.close()));
      await Promise.all([client, late].map(async (one) => one.end()));
      for (const of of Object.values(seen)) of.splice(60);

      const other = new pg.Client(target.url);
      other.on('error', () => undefined);
      await other.connect();
      const producer = await application(target.url);
      await publish(producer.streams, 400, 410);
      // in a subtransaction, whose mark is another
      await other.query(
        `do $$ begin perform pgqueue.publish('s', 'default', '410', 'key 0'); exception when division_by_zero then null; end $$`,
      );
      const after = await application(
        target.url,
        groups((name, n) => seen[name]!.push(n)),
      );
      await publish(producer.streams, 411, 420);
      const all = [...Array.from({ length: 420 }, (_, n) => n), 1000, 1001, 1002];
      await until('all to be read', () => Object.values(seen).every((of) => new Set(of).size === all.length), 60_000);
      for (const [name, of] of Object.entries(seen)) {
        // of the batch that was in hand some had ended, and nobody had said so yet
        const again = of.filter((n, i) => of.indexOf(n) < i);
        expect(again.length, name).toBeLessThan(BATCH);
        for (const n of again) expect(of.indexOf(n), name).toBeLessThan(60);
        seen[name] = of.filter((n, i) => of.indexOf(n) === i);
        expect(seen[name].toSorted((x, y) => x - y)).toEqual(all);
      }
      const { keyed, whole } = seen as { keyed: number[]; whole: number[] };
      const inOrder = (of: number[]): number[] => of.filter((n) => n < 1000);
      expect(inOrder(whole)).toEqual(all.slice(0, 420));
      for (let key = 0; key < 5; key++)
        expect(inOrder(keyed).filter((n) => n % 5 === key)).toEqual(all.slice(0, 420).filter((n) => n % 5 === key));
      expect((await producer.streams.read('s', { limit: 1000 })).map(({ data }) => data)).toHaveLength(all.length);
      await Promise.all([after, producer].map(async (one) => one.app.close()));
      await other.end();
    }, 120_000);
  },
);
