import { AsyncLocalStorage } from 'node:async_hooks';
import { ClsModule, ClsService, ClsServiceManager } from 'nestjs-cls';
import { describe, expect, it } from 'vitest';
import { type ActiveJob, PgQueueRuntime, QueueService } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const cls = ClsServiceManager.getClsService();

interface Seen {
  readonly n: unknown;
  readonly active: boolean;
  readonly store: unknown;
  readonly locale: unknown;
}

const locale = new AsyncLocalStorage<string>();
const other = new AsyncLocalStorage<string>();
const carry = { cls: ['tenantId', 'user.id', 'missing'], stores: { locale } };

/** Handlers that look around themselves, now and after a while. */
function looking(queueName: string) {
  const seen: Seen[] = [];
  const handle = async (job: ActiveJob): Promise<unknown> => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(other.getStore()).toBeUndefined();
    seen.push({ n: job.data, active: cls.isActive(), store: { ...cls.get() }, locale: locale.getStore() });
    if (job.name === 'fails' && job.attemptsMade === 0) throw new Error('once');
    return undefined;
  };
  return { seen, providers: [processor(queueName, handle)] };
}

const everything = <T>(values: object, callback: () => T): T =>
  cls.runWith({ ...values }, () => other.run('not carried', () => locale.run('fr', callback)));

describe('what is around add()', () => {
  it('is around the handler as far as it is listed, and nothing else is', async () => {
    const name = newQueue();
    const { seen, providers } = looking(name);
    const { queue } = await start({ imports: [ClsModule.forRoot()], providers, options: { carry } });
    const all = queue(name);
    await everything({ tenantId: 't1', user: { id: 7, name: 'Ada' }, secret: 's' }, async () => all.add('n', 1));
    await everything({ tenantId: { deep: ['t2'] } }, async () =>
      all.addBulk([
        { name: 'n', data: 2 },
        { name: 'n', data: 3 },
      ]),
    );
    await all.add('n', 4);
    await until('all', () => seen.length === 4);
    expect(seen.toSorted((a, b) => Number(a.n) - Number(b.n))).toEqual([
      { n: 1, active: true, store: { tenantId: 't1', user: { id: 7 } }, locale: 'fr' },
      { n: 2, active: true, store: { tenantId: { deep: ['t2'] } }, locale: 'fr' },
      { n: 3, active: true, store: { tenantId: { deep: ['t2'] } }, locale: 'fr' },
      { n: 4, active: true, store: {}, locale: undefined },
    ]);
  });

  it('comes along to each attempt, and to a job that a handler adds; what one handler sets is no other’s', async () => {
    const [name, next] = [newQueue(), newQueue()];
    const { seen, providers } = looking(next);
    let service: QueueService | undefined;
    const adds = processor(name, async ({ data }) => {
      const before = cls.get('mine');
      cls.set('mine', data);
      await service!.add(next, 'fails', data, { backoff: 1 });
      return before ?? null;
    });
    const { app, queue } = await start({
      imports: [ClsModule.forRoot()],
      providers: [adds, ...providers],
      options: { carry },
    });
    service = app.get(QueueService);
    const jobs = [1, 2, 3].map((n) => everything({ tenantId: `t${n}` }, async () => queue(name).add('n', n)));
    for (const job of await Promise.all(jobs)) expect((await ended(queue(name), job)).returnvalue).toBeNull();
    await until('two attempts of each', () => seen.length === 6);
    expect(
      seen.map(({ n, store, locale: its }) => `${String(n)} ${JSON.stringify(store)} ${String(its)}`).toSorted(),
    ).toEqual([1, 1, 2, 2, 3, 3].map((n) => `${n} {"tenantId":"t${n}"} fr`));
  });

  it('is in the transaction’s job, too, and is no option of it', async () => {
    const name = newQueue();
    const { seen, providers } = looking(name);
    const { queue } = await start({ imports: [ClsModule.forRoot()], providers, options: { carry } });
    const client = await database.connect();
    await client.query('begin');
    const job = await everything({ tenantId: 't' }, async () => queue(name).add('n', 1, { tx: client, priority: 3 }));
    await client.query('commit');
    expect(job.opts).toEqual({ attempts: 4, priority: 3 });
    expect((await ended(queue(name), job)).opts).toEqual({ attempts: 4, priority: 3 });
    expect(seen).toMatchObject([{ store: { tenantId: 't' } }]);
  });

  it('that cannot be stored is refused before anything is written', async () => {
    const name = newQueue();
    const { queue } = await start({ imports: [ClsModule.forRoot()], options: { carry } });
    await expect(everything({ tenantId: () => 1 }, async () => queue(name).add('n', 1))).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_JOB',
      path: 'carry.cls.tenantId',
    });
    expect((await queue(name).getJobCounts()).waiting).toBe(0);
  });

  it('is not around the handler where nothing is listed: not even that in which the worker was started', async () => {
    const name = newQueue();
    const { seen, providers } = looking(name);
    const { app, queue } = await start({ imports: [ClsModule.forRoot()], providers, options: { processing: false } });
    await everything({ tenantId: 't' }, async () => {
      await app.get(PgQueueRuntime).start();
      return ended(queue(name), await queue(name).add('n', 1));
    });
    expect(seen).toEqual([{ n: 1, active: false, store: {}, locale: undefined }]);
  });

  it('is ClsService’s by injection, as in a request', async () => {
    const name = newQueue();
    const { app, queue } = await start({
      imports: [ClsModule.forRoot({ global: true })],
      providers: [processor(name, () => app.get(ClsService).get('tenantId'))],
      options: { carry: { cls: ['tenantId'] } },
    });
    const job = await everything({ tenantId: 't' }, async () => queue(name).add('n', 1));
    expect((await ended(queue(name), job)).returnvalue).toBe('t');
  });
});

describe('carry', () => {
  it.each([
    [{ cls: 'tenantId' }, 'carry.cls'],
    [{ cls: [''] }, 'carry.cls[0]'],
    [{ stores: { locale: {} } }, 'carry.stores.locale'],
    [{ store: {} }, 'carry.store'],
  ])('%j is refused at startup', async (wrong, path) => {
    await expect(start({ options: { carry: wrong as never } })).rejects.toMatchObject({
      code: 'PGQUEUE_INVALID_OPTIONS',
      path,
    });
  });
});
