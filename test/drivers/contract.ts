import type { INestApplicationContext } from '@nestjs/common';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  getStreamClientToken,
  InvalidTransactionError,
  Job,
  LeaseLostError,
  type Queue,
  QueueService,
  StreamClient,
  StreamService,
  type TransactionHandle,
  UnknownStreamError,
} from '../../lib/index.js';
import { TRANSACTION_DRIVERS } from '../../lib/transactions/transaction-drivers.js';
import { hasPgque } from '../pgque/shim/install-pgque.js';
import { startApplication } from '../support/application.js';
import { ended } from '../support/running.js';
import { aWhile, deferred, until } from '../support/signals.js';
import type { Driver, DriverDatabase } from './support/driver.js';
import { type Place, serverDatabase } from './support/driver-database.js';
import { Handlers, PGQUE_QUEUE, providersOf } from './support/handlers.js';

/** Texts in which each library finds something of its own, and one that is large. */
const NASTY = ['?', '\\?', '??', '$1 $2', '$$', ':name', "it's", '\\', '\\\\n', '"', 'ä𝄞 ', '%s', '{}', 'null', ''];
const LARGE = 'x'.repeat(900_000);

class RollBack extends Error {}

export interface ContractOptions {
  /** Where it runs. */
  readonly place?: () => Promise<Place>;
  /** Whether PgQue can be there. */
  readonly pgque?: boolean;
}

/** What is the same whatever the handle is. */
export function describeDriver<Tx extends TransactionHandle>(
  name: string,
  open: (database: DriverDatabase) => Promise<Driver<Tx>>,
  { place = serverDatabase, pgque = true }: ContractOptions = {},
): void {
  describe(`tx takes ${name}`, () => {
    let database: Place;
    let driver: Driver<Tx>;
    let app: INestApplicationContext;
    let handlers: Handlers;
    let queue: Queue;
    let exact: Queue;
    let streams: StreamService;
    let ran: unknown[];

    beforeAll(async () => {
      database = await place();
      await database.query('create table effect (what text)');
      driver = await open(database);
      handlers = new Handlers();
      const withPgque = pgque && database.pgque !== undefined;
      if (withPgque) await database.pgque!.call('create_queue', PGQUE_QUEUE);
      const providers = providersOf(handlers, withPgque, database.options.listen === false ? 100 : 2_000);
      app = await startApplication(database, { providers, options: database.options });
      const jobs = app.get(QueueService);
      [queue, exact, streams] = [jobs.queue('jobs'), jobs.queue('exact'), app.get(StreamService)];
      // from here on it is at work
      await ended(queue, await queue.add('job', null));
      await streams.publish('events', { data: null });
    });
    afterAll(async () => {
      await app?.close();
      await driver?.close();
      await database?.close();
    });
    beforeEach(async () => {
      ran = [];
      handlers.job = (job) => void ran.push(job.data);
      await database.query('delete from effect');
    });

    const effect = (tx: Tx, what: string): PromiseLike<unknown> =>
      driver.run(tx, `insert into effect values ('${what}')`);
    const effects = async (): Promise<unknown[]> =>
      (await database.query('select what from effect order by 1')).map(({ what }) => what);
    /** A transaction that is rolled back, as the library does it when its callback fails. */
    const rolledBack = async (work: (tx: Tx) => Promise<void>): Promise<void> => {
      const all = driver.transaction(async (tx) => {
        await work(tx);
        throw new RollBack('rolled back');
      });
      await expect(all).rejects.toBeInstanceOf(RollBack);
    };

    it('a job added in its transaction runs when that has committed, and not before', async () => {
      let job: Job;
      await driver.transaction(async (tx) => {
        await effect(tx, 'order');
        job = await queue.add('job', 'in tx', { tx });
        await aWhile();
        expect(ran).toEqual([]);
      });
      await ended(queue, job!);
      expect(ran).toEqual(['in tx']);
      expect(await effects()).toEqual(['order']);
    });

    it('what was added in a transaction that is rolled back is gone, as is all else of it', async () => {
      const added: Job[] = [];
      await rolledBack(async (tx) => {
        await effect(tx, 'order');
        added.push(await queue.add('job', 'rolled back', { tx }));
        added.push(await queue.add('job', 'rolled back', { tx, jobId: 'gone', uniqueKey: 'gone' }));
        added.push(...(await queue.addBulk([{ name: 'job', data: 'rolled back' }], { tx })));
        await streams.publish('other events', { data: 'rolled back' }, { tx });
        for (const other of Object.values(driver.others?.(tx) ?? {})) {
          added.push(await queue.add('job', 'rolled back', { tx: other }));
        }
      });
      await ended(queue, await queue.add('job', 'after'));
      expect(ran).toEqual(['after']);
      expect(await Promise.all(added.map(async (job) => job.getState()))).toEqual(added.map(() => 'unknown'));
      expect(await streams.read('other events')).toEqual([]);
      expect(await effects()).toEqual([]);
    });

    it.each([
      ['unique key', { uniqueKey: 'twice' }],
      ['job id', { jobId: 'twice' }],
    ])('a %s that is taken gives the first job, and the transaction goes on and commits', async (_what, options) => {
      const before = await queue.add('job', 'before', { uniqueKey: 'before', jobId: 'before', delay: '1h' });
      const jobs: Job[] = [];
      await driver.transaction(async (tx) => {
        jobs.push(await queue.add('job', 'first', { tx, ...options }));
        jobs.push(await queue.add('job', 'second', { tx, ...options }));
        for (const key of Object.keys(options)) {
          jobs.push(await queue.add('job', 'third', { tx, [key]: 'before' }));
        }
        await effect(tx, 'order');
        jobs.push(await queue.add('job', 'last', { tx }));
      });
      const [first, second, third, last] = jobs as [Job, Job, Job, Job];
      expect([first.deduplicated, second.deduplicated, third.deduplicated]).toEqual([false, true, true]);
      expect([second.id, second.data]).toEqual([first.id, 'first']);
      expect([third.id, third.data]).toEqual(['before', 'before']);
      await ended(queue, first);
      await ended(queue, last);
      expect(ran).toEqual(['first', 'last']);
      expect(await effects()).toEqual(['order']);
      await before.remove();
    });

    it('all of addBulk() run when its transaction has committed, with their data as it was', async () => {
      const data = [...NASTY, LARGE, { nested: [1, null, { deep: true }] }, null];
      await driver.transaction(async (tx) => {
        const jobs = await queue.addBulk(
          data.map((one, i) => ({ name: 'job', data: one, opts: { priority: i % 2, timeout: 60_000 } })),
          { tx },
        );
        expect(new Set(jobs.map(({ id }) => id)).size).toBe(data.length);
      });
      await until('all to run', () => ran.length === data.length);
      const sorted = (values: unknown[]): string[] => values.map((one) => JSON.stringify(one)).toSorted();
      expect(sorted(ran)).toEqual(sorted(data));
    });

    it('what publish() and publishBulk() write is in the stream when the transaction has committed', async () => {
      const events = NASTY.map((text, i) => ({
        type: `type ${text}`,
        data: text,
        ...(i % 2 === 0 && { key: `key ${text}`, headers: { [`header ${text}`]: text } }),
      }));
      await driver.transaction(async (tx) => {
        await streams.publish('nasty', { data: 'first', key: 'k' }, { tx });
        await streams.publishBulk('nasty', events, { tx });
      });
      const [first, ...read] = await streams.read('nasty');
      expect([first!.type, first!.data, first!.key]).toEqual(['default', 'first', 'k']);
      expect(read.map(({ type, data, key, headers }) => ({ type, data, key, headers }))).toEqual(
        events.map((event) => expect.objectContaining({ ...event })),
      );
    });

    it('what the low-level client sends is received when the transaction has committed', async () => {
      const client = app.get(StreamClient);
      await client.subscribe('sent', 'g');
      await driver.transaction(async (tx) => {
        await client.send('sent', { data: 'in tx' }, { tx });
      });
      const batch = await client.receive('sent', 'g');
      expect(batch?.events.map(({ data }) => data)).toEqual(['in tx']);
      expect(await client.ack(batch!.id)).toBe(true);
    });

    it('completeIn() completes the job with its effects: rolled back it runs again, committed it does not', async () => {
      handlers.exact = async (job) => {
        const once = async (tx: Tx): Promise<void> => {
          await effect(tx, `${job.data} ${job.attemptsStarted}`);
          await job.completeIn(tx, job.attemptsStarted);
        };
        await (job.attemptsStarted === 1 ? rolledBack(once) : driver.transaction(once));
      };
      const job = await ended(exact, await exact.add('job', 'exact', { backoff: 1 }));
      expect([job.returnvalue, job.attemptsMade]).toEqual([2, 1]);
      expect(await effects()).toEqual(['exact 2']);
    });

    it('completeIn() of a run that another process has taken is a LeaseLostError, which rolls the effects back', async () => {
      const [began, gate, thrown] = [deferred(), deferred(), deferred<unknown>()];
      handlers.exact = async (job) => {
        began.resolve();
        await gate.promise;
        const late = driver.transaction(async (tx) => {
          await effect(tx, 'late');
          await job.completeIn(tx);
        });
        await late.then(
          () => thrown.resolve(undefined),
          (error: unknown) => thrown.resolve(error),
        );
      };
      const job = await exact.add('job', null, { attempts: 1 });
      await began.promise;
      // as recovery does it: the run ends as lost
      await database.query(
        `insert into ${database.quoted}.result_0 (queue_id, job_id, run, state)
         select queue_id, $1, 1, 'l' from ${database.quoted}.queue where name = 'exact'`,
        [job.id],
      );
      gate.resolve();
      const error = await thrown.promise;
      expect(error).toBeInstanceOf(LeaseLostError);
      expect((error as Error).message).toMatch(/^Job \d+ was taken from this worker/);
      expect(await effects()).toEqual([]);
    });

    it('commitIn() commits the position with its effects: rolled back the event comes again, committed it does not', async () => {
      const seen: number[] = [];
      handlers.event = async ([event], context) => {
        if (event!.data !== 'exact') return;
        seen.push(event!.retryCount);
        const once = async (tx: Tx): Promise<void> => {
          await effect(tx, `event ${event!.retryCount}`);
          await context.commitIn(tx);
        };
        await (event!.retryCount === 0 ? rolledBack(once) : driver.transaction(once));
      };
      await streams.publish('events', { data: 'exact' });
      await until('it to be handled', async () => (await effects()).length > 0);
      await until('the group to be done', async () => (await streams.lag('events', 'g'))['g'] === 0);
      expect(seen).toEqual([0, 1]);
      expect(await effects()).toEqual(['event 1']);
    });

    it('each of its handles is known as its own, and as no other library’s', async () => {
      const knownTo = (handle: object): number =>
        TRANSACTION_DRIVERS.filter((one) => (one.executor(handle) ?? one.refusal(handle)) !== undefined).length;
      const handles = Object.values(driver.roots) as object[];
      await driver.transaction(async (tx) => {
        handles.push(tx, ...Object.values(driver.others?.(tx) ?? {}));
        expect(handles.map(knownTo)).toEqual(handles.map(() => 1));
      });
    });

    it('a handle that is no open transaction is refused by its name, before any SQL', async () => {
      expect(Object.keys(driver.roots).length).toBeGreaterThan(0);
      for (const [what, root] of Object.entries(driver.roots)) {
        const error: unknown = await queue.add('job', 'refused', { tx: root as never }).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(InvalidTransactionError);
        expect((error as Error).message).toMatch(new RegExp(`^tx is ${what}.* would commit at once.*; pass `));
      }
      await ended(queue, await queue.add('job', 'after'));
      expect(ran).toEqual(['after']);
    });

    it('a handle whose transaction has ended is refused, or the library fails; of some nobody can know', async () => {
      let kept: Tx | undefined;
      await driver.transaction(async (tx) => {
        kept = tx;
        await queue.add('job', 'in time', { tx });
      });
      await until('the first to run', () => ran.length === 1);
      const late: unknown = await queue.add('job', 'late', { tx: kept! }).catch((error: unknown) => error);
      await ended(queue, await queue.add('job', 'then'));
      const [outcome, written] = {
        refused: [InvalidTransactionError, []],
        fails: [Error, []],
        unknown: [Job, ['late']],
      }[driver.ended] as [new () => unknown, string[]];
      expect(late).toBeInstanceOf(outcome);
      expect(ran).toEqual(['in time', ...written, 'then']);
    });

    if (!pgque) return;
    describe.skipIf(!hasPgque)('on PgQue', () => {
      it('send() and commitIn() are committed with the transaction, and a queue that there is not is known', async () => {
        const client = app.get<StreamClient>(getStreamClientToken('pgque'));
        const batches: unknown[][] = [];
        handlers.batch = async (events, context) => {
          batches.push(events.map(({ data }) => data as unknown));
          await driver.transaction(async (tx) => {
            await effect(tx, 'batch');
            await context.commitIn(tx);
          });
        };
        await driver.transaction(async (tx) => {
          for (const data of NASTY) await client.send(PGQUE_QUEUE, { data }, { tx });
        });
        await rolledBack(async (tx) => void (await client.send(PGQUE_QUEUE, { data: 'rolled back' }, { tx })));
        const unknown = driver.transaction(async (tx) => void (await client.send('no queue', { data: 1 }, { tx })));
        await expect(unknown).rejects.toBeInstanceOf(UnknownStreamError);
        await database.pgque!.tick(PGQUE_QUEUE);
        await until('the batch', async () => (await effects()).length > 0);
        expect(batches).toEqual([NASTY]);
        expect(await effects()).toEqual(['batch']);
      });
    });
  });
}
