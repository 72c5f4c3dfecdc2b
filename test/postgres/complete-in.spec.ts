import { describe, expect, it } from 'vitest';
import { LeaseLostError } from '../../lib/errors/lease-lost.error.js';
import { failure, outcome, type Session, testEngine } from '../support/engine.js';

const engine = testEngine();

/** A run that is leased, and a session in which its handler has a transaction open. */
async function running(begin = 'begin') {
  const [queue, worker, handler] = [await engine.queue(), await engine.worker(), await engine.session()];
  const [job] = await engine.main.add(queue);
  const [run] = (await worker.claim(queue)).runs;
  await handler.client.query(begin);
  const completeIn = async (session: Session, output: string | null = null) =>
    session.work.completeIn(session.client, worker.id, queue.id, outcome(run!, undefined, output));
  return { queue, worker, handler, job: job!, run: run!, completeIn };
}

describe("a run completed in its handler's transaction", () => {
  it('is completed when that commits, and not before', async () => {
    const { queue, handler, job, completeIn } = await running();
    await completeIn(handler, '{"done":1}');
    expect(await engine.state(queue, job)).toBe('active');
    await handler.commit();
    expect(await engine.main.jobs.getJob(queue.name, job.id)).toMatchObject({
      state: 'completed',
      result: '{"done":1}',
    });
  });

  it('is still active when that rolls back, and can end otherwise', async () => {
    const { queue, worker, handler, job, run, completeIn } = await running();
    await completeIn(handler);
    await handler.rollback();
    expect(await engine.state(queue, job)).toBe('active');
    expect(await worker.finish(queue, [outcome(run, { state: 'f', reason: 'exhausted' })])).toEqual([]);
    expect(await engine.state(queue, job)).toBe('failed');
  });

  it('may be completed again: in that transaction, in a later one, and by its worker', async () => {
    const { queue, worker, handler, run, completeIn } = await running();
    await completeIn(handler);
    await completeIn(handler);
    await handler.commit();
    await completeIn(await engine.session());
    expect(await worker.finish(queue, [outcome(run)], true)).toEqual([{ key: run.key, run: 1, state: 'c' }]);
  });

  it('keeps its worker waiting until that ends, and then is as that left it', async () => {
    const { queue, worker, handler, run, completeIn } = await running();
    await completeIn(handler);
    const finishing = worker.finish(queue, [outcome(run)], true);
    const first = await Promise.race([finishing, handler.client.query('select pg_sleep(0.1)').then(() => 'waits')]);
    expect(first).toBe('waits');
    await handler.commit();
    expect(await finishing).toEqual([{ key: run.key, run: 1, state: 'c' }]);
  });

  it.each(['repeatable read', 'serializable'])('completes in %s too', async (level) => {
    const { queue, handler, job, completeIn } = await running(`begin isolation level ${level}`);
    await handler.client.query('select 1');
    await completeIn(handler);
    await handler.commit();
    expect(await engine.state(queue, job)).toBe('completed');
  });
});

describe('completing in a transaction raises, so that its effects roll back,', () => {
  it('when the run has ended otherwise', async () => {
    const { queue, worker, handler, run, completeIn } = await running();
    await worker.finish(queue, [outcome(run, { state: 'r', delay: 0, charge: 1 })]);
    await expect(completeIn(handler)).rejects.toThrow(LeaseLostError);
    expect(await failure(handler.client.query('select 1'))).toBe('25P02');
    await handler.rollback();
  });

  it('when another worker holds the lease, or it does not name the job', async () => {
    const { queue, worker, handler, run } = await running();
    const other = await engine.worker();
    const complete = async (id: string, of: typeof run) => {
      await handler.client.query('savepoint here');
      const completing = handler.work.completeIn(handler.client, id, queue.id, outcome(of));
      await expect(completing).rejects.toThrow(LeaseLostError);
      await handler.client.query('rollback to here');
    };
    await complete(other.id, run);
    await complete(worker.id, { ...run, key: String(Number(run.key) + 1) });
    await complete(worker.id, { ...run, lease: { ...run.lease, n: '2' } });
    await handler.rollback();
  });

  it("as PostgreSQL's own 40001 when an older snapshot cannot see what ended it", async () => {
    const { queue, worker, handler, run, completeIn } = await running('begin isolation level repeatable read');
    await handler.client.query('select 1');
    await worker.finish(queue, [outcome(run, { state: 'f', reason: 'exhausted' })]);
    expect(await failure(completeIn(handler))).toBe('40001');
    await handler.rollback();
  });
});
