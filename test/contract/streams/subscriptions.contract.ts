import { describe, expect, it } from 'vitest';
import { drain, type Driver, GROUP, idsOf, nackAll, receive, received, sent } from './driver.js';

const UNKNOWN_GROUP = { code: 'PGQUEUE_UNKNOWN_GROUP' };
const UNKNOWN_BATCH = { code: 'PGQUEUE_UNKNOWN_BATCH' };

/** Groups that come and go. */
export function subscriptionsContract(driver: Driver): void {
  describe('a group', () => {
    it('R42: is made once by many who subscribe it at the same time', async () => {
      const its = driver();
      const stream = await its.newStream();
      const made = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => (i % 2 === 0 ? its.client : its.other).subscribe(stream, GROUP)),
      );
      expect(made.filter(Boolean)).toHaveLength(1);
      const ids = await sent(its, stream, 1);
      expect(idsOf(await drain(its, stream))).toEqual(ids);
    });

    it('R46: that comes late gets what is published from then on', async () => {
      const its = driver();
      const stream = await its.newStream();
      await sent(its, stream, 'old');
      await its.settle(stream);
      expect(await its.client.subscribe(stream, GROUP)).toBe(true);
      const ids = await sent(its, stream, 1);
      expect(idsOf(await drain(its, stream))).toEqual(ids);
    });

    it('R46: that begins at the start gets what is kept as well', async () => {
      const its = driver();
      const stream = await its.newStream();
      const old = await sent(its, stream, 'old');
      await its.settle(stream);
      expect(await its.client.subscribe(stream, GROUP, { from: 'start' })).toBe(true);
      const ids = await sent(its, stream, 1);
      expect(idsOf(await drain(its, stream))).toEqual([...old, ...ids]);
    });

    it('R46: that is there stays where it is', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await sent(its, stream, 1);
      await drain(its, stream);
      const ids = await sent(its, stream, 2);
      const { id } = await received(its, stream);
      for (const from of ['start', 'end'] as const) {
        expect(await its.client.subscribe(stream, GROUP, { from })).toBe(false);
      }
      const again = await received(its, stream);
      expect([again.id, idsOf(again.events)]).toEqual([id, ids]);
    });

    it('R47: that is not subscribed cannot receive', async () => {
      const its = driver();
      const stream = await its.newStream();
      await expect(its.client.receive(stream, GROUP)).rejects.toMatchObject(UNKNOWN_GROUP);
      await its.client.subscribe(stream, GROUP);
      await expect(its.client.receive(stream, 'other')).rejects.toMatchObject(UNKNOWN_GROUP);
    });

    it('R47: is unsubscribed once, and others stay', async () => {
      const its = driver();
      const stream = await its.newStream();
      expect(await its.client.unsubscribe(stream, GROUP)).toBe(false);
      for (const group of [GROUP, 'other']) await its.client.subscribe(stream, group);
      const ids = await sent(its, stream, 1);
      expect(await its.client.unsubscribe(stream, GROUP)).toBe(true);
      expect(await its.client.unsubscribe(stream, GROUP)).toBe(false);
      expect(await its.client.unsubscribe(stream, 'nobody')).toBe(false);
      await expect(its.client.receive(stream, GROUP)).rejects.toMatchObject(UNKNOWN_GROUP);
      expect(idsOf(await drain(its, stream, 'other'))).toEqual(ids);
    });

    it('R47: is gone with its open batch, what it has to repeat, and its dead letters; and begins anew', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await its.setAttempts(stream, GROUP, 1);
      await sent(its, stream, 'dead');
      await nackAll(its, stream, () => 'no');
      await its.setAttempts(stream, GROUP, 6);
      await sent(its, stream, 'again', 'open');
      const { id, events } = await received(its, stream);
      await its.client.nack(id, events[0]!, 0);
      expect(await its.client.unsubscribe(stream, GROUP)).toBe(true);
      expect(await its.client.ack(id)).toBe(false);
      await expect(its.client.nack(id, events[1]!, 0)).rejects.toMatchObject(UNKNOWN_BATCH);
      const letters = its.differences.deadOutliveGroup ? 1 : 0;
      expect(await its.client.deadLetters(stream)).toHaveLength(letters);
      await its.settle(stream);
      expect(await its.client.subscribe(stream, GROUP)).toBe(true);
      expect(await its.client.ack(id)).toBe(false);
      expect(await receive(its, stream)).toBeUndefined();
      expect(await its.client.deadLetters(stream)).toHaveLength(letters);
      const ids = await sent(its, stream, 'new');
      expect(idsOf(await drain(its, stream))).toEqual(ids);
    });
  });
}
