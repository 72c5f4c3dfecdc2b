import { describe, expect, it } from 'vitest';
import { drain, type Driver, GROUP, idsOf, receive, sent, type UserTransaction } from './driver.js';

/** What is received, and when. */
export function visibilityContract(driver: Driver): void {
  describe('what can be received', () => {
    it('R21: each committed event reaches each group once, and none that was rolled back, however transactions overlap', async () => {
      const its = driver();
      const { client } = its;
      const stream = await its.newStream();
      const groups = ['a', 'b'];
      for (const group of groups) await client.subscribe(stream, group);
      const seen = new Map(groups.map((group) => [group, [] as string[]]));
      const committed: string[] = [];
      const open: { transaction: UserTransaction; kept: string[] }[] = [];
      for (let i = 0; i < 24; i++) {
        const transaction = await its.begin();
        const kept = [await client.send(stream, { data: i }, { tx: transaction.tx })];
        await transaction.query('savepoint inner_one');
        const inner = await client.send(stream, { data: 'inner' }, { tx: transaction.tx });
        if (i % 3 === 0) await transaction.query('rollback to savepoint inner_one');
        else kept.push(inner);
        open.push({ transaction, kept });
        committed.push(...(await sent(its, stream, i)));
        if (open.length < 6) continue;
        // neither the oldest nor the newest first
        const [ended] = open.splice((i * 7) % open.length, 1);
        if (i % 4 === 1) await ended!.transaction.rollback();
        else {
          await ended!.transaction.commit();
          committed.push(...ended!.kept);
        }
        const group = groups[i % 2]!;
        seen.get(group)!.push(...idsOf(await drain(its, stream, group, 3)));
      }
      for (const { transaction, kept } of open) {
        await transaction.commit();
        committed.push(...kept);
      }
      for (const group of groups) {
        seen.get(group)!.push(...idsOf(await drain(its, stream, group, 3)));
        expect(seen.get(group)!.toSorted()).toEqual(committed.toSorted());
      }
    });

    it('R22: what a transaction sends comes after its commit, and not before', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const transaction = await its.begin();
      const id = await its.client.send(stream, { data: 1 }, { tx: transaction.tx });
      expect(await receive(its, stream)).toBeUndefined();
      await transaction.commit();
      expect(idsOf(await drain(its, stream))).toEqual([id]);
    });

    it('R50: what a transaction sends that is rolled back never comes', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const transaction = await its.begin();
      await its.client.send(stream, { data: 1 }, { tx: transaction.tx });
      await transaction.rollback();
      const [later] = await sent(its, stream, 2);
      expect(idsOf(await drain(its, stream))).toEqual([later]);
    });

    it('R24: every event comes to every group, on its own, and is stored once', async () => {
      const its = driver();
      const stream = await its.newStream();
      const groups = ['a', 'b', 'c'];
      for (const group of groups) await its.client.subscribe(stream, group);
      const ids = await sent(its, stream, 1, 2, 3);
      expect(await its.stored(stream)).toBe(3);
      expect(idsOf(await drain(its, stream, 'a'))).toEqual(ids);
      const later = await sent(its, stream, 4);
      expect(idsOf(await drain(its, stream, 'b'))).toEqual([...ids, ...later]);
      expect(idsOf(await drain(its, stream, 'a'))).toEqual(later);
      expect(idsOf(await drain(its, stream, 'c'))).toEqual([...ids, ...later]);
      expect(await its.stored(stream)).toBe(4);
    });

    it('R29: looking when there is nothing holds nothing up', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await its.idle(stream, 50);
      for (let i = 0; i < 10; i++) expect(await receive(its, stream)).toBeUndefined();
      const ids = await sent(its, stream, 1);
      expect(idsOf((await receive(its, stream))!.events)).toEqual(ids);
    });
  });
}
