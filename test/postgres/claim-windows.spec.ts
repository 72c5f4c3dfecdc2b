import { describe, expect, it } from 'vitest';
import { failure, keysOf, many, testEngine } from '../support/engine.js';

const engine = testEngine();

describe('a transaction that is still open when a claim is made', () => {
  it('has its job claimed after it commits, and holds up nothing that committed meanwhile', async () => {
    const [queue, worker, slow] = [await engine.queue(), await engine.worker(), await engine.session()];
    const late = await slow.begin(queue);
    const early = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(early));
    expect(await worker.claimKeys(queue)).toEqual([]);
    await slow.commit();
    expect(await worker.claimKeys(queue)).toEqual(keysOf(late));
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('has its job claimed however many claims found nothing meanwhile', async () => {
    const [queue, worker, slow] = [await engine.queue(), await engine.worker(), await engine.session()];
    const late = await slow.begin(queue);
    for (let i = 0; i < 5; i++) expect(await worker.claimKeys(queue)).toEqual([]);
    await slow.commit();
    expect(await worker.claimKeys(queue)).toEqual(keysOf(late));
  });

  it('leaves nothing behind when it rolls back', async () => {
    const [queue, worker, slow] = [await engine.queue(), await engine.worker(), await engine.session()];
    await slow.begin(queue);
    const kept = await engine.main.add(queue);
    expect(await worker.claimKeys(queue)).toEqual(keysOf(kept));
    await slow.rollback();
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('is claimed from in parts, before what began later, and nothing of it twice', async () => {
    const [queue, worker, slow] = [await engine.queue(), await engine.worker(), await engine.session()];
    const late = await slow.begin(queue, ...many(5));
    const early = await engine.main.add(queue, ...many(5));
    expect(await worker.claimKeys(queue, { want: 2 })).toEqual(keysOf(early.slice(0, 2)));
    await slow.commit();
    const later = await engine.main.add(queue, ...many(2));
    // the window that was begun comes to its end first
    const rest = [...early.slice(2), ...late, ...later];
    const claimed: string[] = [];
    for (let i = 0; i < 3; i++) claimed.push(...(await worker.claimKeys(queue, { want: 2 })));
    expect(claimed).toEqual(keysOf(rest.slice(0, 6)));
    expect(await worker.claimKeys(queue)).toEqual(keysOf(rest.slice(6)));
    expect(await worker.claimKeys(queue)).toEqual([]);
  });

  it('is one of any number: forty open ones between committed ones lose and repeat nothing', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const open = [];
    const committed: string[] = [];
    for (let i = 0; i < 40; i++) {
      const slow = await engine.session();
      open.push({ slow, keys: keysOf(await slow.begin(queue)) });
      committed.push(...keysOf(await engine.main.add(queue)));
    }
    expect(await worker.claimKeys(queue, { want: 25 })).toEqual(committed.slice(0, 25));
    expect(await worker.claimKeys(queue)).toEqual(committed.slice(25));
    const late: string[] = [];
    for (const [i, { slow, keys }] of open.entries()) {
      if (i % 3 === 0) await slow.rollback();
      else {
        late.push(...keys);
        await slow.commit();
      }
      await slow.client.end();
    }
    expect(await worker.claimKeys(queue, { want: 10 })).toEqual(late.slice(0, 10));
    expect(await worker.claimKeys(queue)).toEqual(late.slice(10));
    expect(await worker.claimKeys(queue)).toEqual([]);
  });
});

describe('a claim', () => {
  it('is refused in a transaction that has written: its later appends would fall behind the cursor', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    await worker.session.begin(queue);
    expect(await failure(worker.claim(queue))).toBe('PQ003');
    await worker.session.rollback();
  });

  it.each(['repeatable read', 'serializable'])('is refused in %s: its snapshot would be an old one', async (level) => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    await worker.session.client.query(`begin isolation level ${level}`);
    expect(await failure(worker.claim(queue))).toBe('PQ003');
    await worker.session.rollback();
  });

  it('never passes over what its own transaction adds after it', async () => {
    const [queue, worker] = [await engine.queue(), await engine.worker()];
    const first = await engine.main.add(queue);
    await worker.session.client.query('begin');
    expect(await worker.claimKeys(queue)).toEqual(keysOf(first));
    const own = await worker.session.add(queue);
    await worker.session.commit();
    expect(await worker.claimKeys(queue)).toEqual(keysOf(own));
  });

  it('finds jobs in every segment of the ring, in their order, wherever new ones go', async () => {
    const [queue, worker, slow] = [await engine.queue(), await engine.worker(), await engine.session()];
    const keys: string[] = [];
    const late = await slow.begin(queue);
    for (const segment of [1, 2, 0, 2, 1, 0]) {
      await engine.switchRing('entry', segment);
      keys.push(...keysOf(await engine.main.add(queue, ...many(3))));
    }
    expect(await worker.claimKeys(queue, { want: 7 })).toEqual(keys.slice(0, 7));
    await engine.switchRing('lease', 1);
    expect(await worker.claimKeys(queue, { want: 7 })).toEqual(keys.slice(7, 14));
    await engine.switchRing('lease', 0);
    await slow.commit();
    expect(await worker.claimKeys(queue)).toEqual([...keys.slice(14), ...keysOf(late)]);
    expect(await worker.claimKeys(queue)).toEqual([]);
  });
});
