import { describe, expect, it } from 'vitest';
import { drain, type Driver, GROUP, idsOf, receive, received, sent } from './driver.js';

/** A batch from receive() to ack(). */
export function batchesContract(driver: Driver): void {
  describe('a batch', () => {
    it('R23: that is not acknowledged is received again as it was, by whatever client', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, { n: 1 }, { n: 2 }, { n: 3 });
      const first = await received(its, stream);
      expect(idsOf(first.events)).toEqual(ids);
      // what comes meanwhile is not in it
      const later = await sent(its, stream, { n: 4 });
      await its.settle(stream);
      for (const client of [its.other, its.client]) {
        const again = await client.receive(stream, GROUP);
        expect(again!.id).toBe(first.id);
        expect(JSON.stringify(again!.events)).toBe(JSON.stringify(first.events));
      }
      expect(await its.other.ack(first.id)).toBe(true);
      expect(idsOf(await drain(its, stream))).toEqual(later);
    });

    it('R23: is its group’s, and no other group’s', async () => {
      const its = driver();
      const stream = await its.newStream();
      for (const group of ['a', 'b']) await its.client.subscribe(stream, group);
      await sent(its, stream, 1);
      const [a, b] = [await received(its, stream, 'a'), await received(its, stream, 'b')];
      expect(b.id).not.toBe(a.id);
      expect(await its.client.ack(a.id)).toBe(true);
      expect((await its.client.receive(stream, 'b'))!.id).toBe(b.id);
      expect(await its.client.receive(stream, 'a')).toBeUndefined();
    });

    it('R25: is acknowledged once, and what is none never', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const [one] = await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      expect(idsOf(events)).toEqual([one]);
      expect(await its.client.ack(id)).toBe(true);
      expect(await its.client.ack(id)).toBe(false);
      expect(await its.other.ack(id)).toBe(false);
      await sent(its, stream, 2);
      const next = await received(its, stream);
      // the one before, and what never was one
      for (const unknown of [id, '0', '123456789', '-1', 'x', '1.5', '1.1.1', '9'.repeat(30), '; drop']) {
        expect(await its.client.ack(unknown)).toBe(false);
      }
      expect(await its.client.ack(next.id)).toBe(true);
    });

    it('R25: is acknowledged by one of those who do so at once', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await sent(its, stream, 1);
      const { id } = await received(its, stream);
      const acked = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => (i % 2 === 0 ? its.client : its.other).ack(id)),
      );
      expect(acked.filter(Boolean)).toHaveLength(1);
      expect(await receive(its, stream)).toBeUndefined();
    });

    it('R39: loses and repeats nothing, however small it may be', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, ...Array.from({ length: 25 }, (_, i) => i));
      const sizes: number[] = [];
      const seen: string[] = [];
      await its.settle(stream);
      for (let batch = await its.client.receive(stream, GROUP, 7); batch !== undefined;) {
        sizes.push(batch.events.length);
        seen.push(...idsOf(batch.events));
        await its.client.ack(batch.id);
        batch = await its.client.receive(stream, GROUP, 7);
      }
      expect(seen).toEqual(ids);
      expect(sizes).toEqual(its.differences.maxLimitsBatch ? [7, 7, 7, 4] : [25]);
    });

    it('R36: has a hundred events, if nothing else is said', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, ...Array.from({ length: 101 }, (_, i) => i));
      const first = await received(its, stream);
      expect(idsOf(first.events)).toEqual(its.differences.maxLimitsBatch ? ids.slice(0, 100) : ids);
      await its.client.ack(first.id);
      expect(idsOf(await drain(its, stream))).toEqual(its.differences.maxLimitsBatch ? ids.slice(100) : []);
    });
  });
}
