import { describe, expect, it } from 'vitest';
import { by, drain, type Driver, GROUP, idsOf, nackAll, receive, received, sent } from './driver.js';

const UNKNOWN = { code: 'PGQUEUE_UNKNOWN_BATCH' };
const SECOND = 1_000;

/** What is nacked, and comes again. */
export function retriesContract(driver: Driver): void {
  describe('an event that is nacked', () => {
    it('R26: comes again for its group only, the same, with its count, and the others do not', async () => {
      const its = driver();
      const stream = await its.newStream();
      for (const group of [GROUP, 'other']) await its.client.subscribe(stream, group);
      await its.client.send(stream, { data: 1 });
      const two = await its.client.send(stream, { type: 'two', key: 'k', data: { n: 2 }, headers: { h: '1' } });
      await its.client.send(stream, { data: 3 });
      const { id, events } = await received(its, stream);
      await its.client.nack(id, by(events, two), 0, 'no');
      expect(await its.client.ack(id)).toBe(true);
      const again = await received(its, stream);
      expect(idsOf(again.events)).toEqual([two]);
      const { type, key, data, headers, publishedAt, retryCount } = again.events[0]!;
      expect({ type, key, data, headers, retryCount }).toEqual({
        type: 'two',
        key: 'k',
        data: { n: 2 },
        headers: { h: '1' },
        retryCount: 1,
      });
      expect(publishedAt).toEqual(by(events, two).publishedAt);
      expect(await its.client.ack(again.id)).toBe(true);
      expect(await receive(its, stream)).toBeUndefined();
      expect((await drain(its, stream, 'other')).map((event) => [event.data, event.retryCount])).toEqual([
        [1, 0],
        [{ n: 2 }, 0],
        [3, 0],
      ]);
    });

    it('R26: comes not before its delay is over', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      const nacked = performance.now();
      await its.client.nack(id, events[0]!, '1s');
      await its.client.ack(id);
      let again = await receive(its, stream);
      while (again === undefined) again = await receive(its, stream);
      // two clocks
      expect(performance.now() - nacked).toBeGreaterThan(SECOND - 10);
      expect(idsOf(again.events)).toEqual(ids);
    });

    it('R26: without a delay that is said, waits', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      await its.client.nack(id, events[0]!);
      await its.client.ack(id);
      expect(await receive(its, stream)).toBeUndefined();
    });

    it('R26: does not hold up what comes after it', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      await its.client.nack(id, events[0]!, '1h');
      await its.client.ack(id);
      const later = await sent(its, stream, 2);
      expect(idsOf(await drain(its, stream))).toEqual(later);
    });

    it('R25: leaves its batch open; received again that has the rest of it', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const [one, two, three] = await sent(its, stream, 1, 2, 3);
      const { id, events } = await received(its, stream);
      await its.client.nack(id, by(events, two), 0);
      await its.settle(stream);
      const again = await its.other.receive(stream, GROUP);
      expect(again!.id).toBe(id);
      expect(idsOf(again!.events)).toEqual(its.differences.nackedStaysInBatch ? [one, two, three] : [one, three]);
      expect(await its.client.ack(id)).toBe(true);
      expect(idsOf(await drain(its, stream))).toEqual([two]);
    });

    it('R25: twice in a batch is nacked once, and the first delay stands', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const [soon, late] = await sent(its, stream, 1, 2);
      const { id, events } = await received(its, stream);
      await its.client.nack(id, by(events, soon), 0, 'first');
      await its.settle(stream);
      await its.client.nack(id, by(events, soon), '1h', 'second');
      await its.client.nack(id, by(events, late), '1h');
      await its.client.nack(id, by(events, late), 0);
      await its.client.ack(id);
      expect((await drain(its, stream)).map((event) => [event.id, event.retryCount])).toEqual([[soon, 1]]);
      expect(await receive(its, stream)).toBeUndefined();
    });

    it('R25: by many at once is nacked once', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => (i % 2 === 0 ? its.client : its.other).nack(id, events[0]!, 0)),
      );
      await its.client.ack(id);
      expect(idsOf(await drain(its, stream))).toEqual(ids);
    });

    it('R25: was the whole batch, which is acknowledged once all the same', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, 1, 2);
      for (const retryCount of [0, 1, 2]) {
        const { id, events } = await received(its, stream);
        expect(events.map((event) => [event.id, event.retryCount])).toEqual(ids.map((one) => [one, retryCount]));
        for (const event of events) await its.client.nack(id, event, 0);
        expect(await its.client.ack(id)).toBe(true);
        expect(await its.client.ack(id)).toBe(false);
      }
    });

    it('R25: has to be in an open batch', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const [before] = await sent(its, stream, 1);
      const first = await received(its, stream);
      await its.client.ack(first.id);
      const [inside] = await sent(its, stream, 2);
      const { id, events } = await received(its, stream);
      await sent(its, stream, 3);
      await its.client.subscribe(stream, 'late', { from: 'start' });
      const late = await drain(its, stream, 'late');
      const after = late.at(-1)!;
      expect(idsOf(events)).toEqual([inside]);
      const { client } = its;
      const event = events[0]!;
      await expect(client.nack(first.id, by(first.events, before), 0)).rejects.toMatchObject(UNKNOWN);
      await expect(client.nack(first.id, event, 0)).rejects.toMatchObject(UNKNOWN);
      await expect(client.nack(id, by(first.events, before), 0)).rejects.toMatchObject(UNKNOWN);
      await expect(client.nack(id, after, 0)).rejects.toMatchObject(UNKNOWN);
      for (const unknown of ['0', '123456789', 'x', '9'.repeat(30)]) {
        await expect(client.nack(unknown, event, 0)).rejects.toMatchObject(UNKNOWN);
        await expect(client.nack(id, { ...event, id: unknown, cursor: event.cursor }, 0)).rejects.toMatchObject(
          UNKNOWN,
        );
      }
      // and nothing of that was written
      expect(await client.ack(id)).toBe(true);
      expect((await drain(its, stream)).map(({ data }) => data)).toEqual([3]);
    });

    it('R25: may have been through JSON', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const ids = await sent(its, stream, 1);
      const { id, events } = await received(its, stream);
      await its.client.nack(id, JSON.parse(JSON.stringify(events[0])), 0);
      await its.client.ack(id);
      expect(idsOf(await drain(its, stream))).toEqual(ids);
    });
  });

  describe('an event that is nacked again and again', () => {
    it('R27: is delivered six times, with its count, and is a dead letter then', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const [id] = await sent(its, stream, { n: 1 });
      const delivered = await nackAll(its, stream, ({ retryCount }) => `no ${retryCount}`);
      expect(delivered.map((event) => [event.id, event.retryCount])).toEqual([0, 1, 2, 3, 4, 5].map((n) => [id, n]));
      const letters = await its.client.deadLetters(stream);
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({ group: GROUP, reason: 'no 5', event: { id, data: { n: 1 }, retryCount: 5 } });
    });

    it.each([1, 2, 4])('R27: is delivered %i times where the group says so', async (attempts) => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await its.setAttempts(stream, GROUP, attempts);
      const [id] = await sent(its, stream, 1);
      expect(idsOf(await nackAll(its, stream, () => 'no'))).toEqual(Array.from({ length: attempts }, () => id));
      expect((await its.client.deadLetters(stream)).map(({ event }) => event.id)).toEqual([id]);
    });

    it('R27: is a dead letter with a reason, if none was given', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      await its.setAttempts(stream, GROUP, 2);
      await sent(its, stream, 1);
      await nackAll(its, stream, () => undefined);
      expect((await its.client.deadLetters(stream)).map(({ reason }) => reason)).toEqual(['max retries exceeded']);
    });

    it('R27: is a dead letter of its group only', async () => {
      const its = driver();
      const stream = await its.newStream();
      for (const group of [GROUP, 'other']) await its.client.subscribe(stream, group);
      await its.setAttempts(stream, GROUP, 1);
      const ids = await sent(its, stream, 1);
      await nackAll(its, stream, () => 'no');
      expect(idsOf(await drain(its, stream, 'other'))).toEqual(ids);
      expect((await its.client.deadLetters(stream)).map(({ group }) => group)).toEqual([GROUP]);
    });
  });
}
