import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { drain, type Driver, GROUP, sent } from './driver.js';

const MEGABYTE = 1_048_576;

/** An event from send() to receive(). */
export function sendingContract(driver: Driver): void {
  describe('what is sent', () => {
    it('R36: has a type, which is default if none is given, and its data', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const before = Date.now() - 60_000;
      const id = await its.client.send(stream, { data: { order: 1 } });
      const typed = await its.client.send(stream, {
        type: 'order.paid',
        key: 'k',
        data: [1],
        headers: { trace: 'abc' },
      });
      const [one, two] = await drain(its, stream);
      expect(one).toMatchObject({ id, stream, type: 'default', key: null, data: { order: 1 }, headers: {} });
      expect(one!.retryCount).toBe(0);
      expect(one!.publishedAt.getTime()).toBeGreaterThan(before);
      expect(two).toMatchObject({ id: typed, type: 'order.paid', key: 'k', data: [1], headers: { trace: 'abc' } });
    });

    it('R45: arrives as JSON has it: nothing, texts of any characters, numbers, what is nested', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const texts = [
        '',
        ' ',
        'Žluťoučký 🐎 \u{1F468}\u200D\u{1F469}',
        '"\\\b\f\n\r\t\u0001\u001e\u001f\u007f',
        `'; drop--`,
      ];
      const data = [null, ...texts, 0, -1.5e300, true, [], {}, { a: { b: [null, { 'ü"': texts }] } }];
      await sent(its, stream, ...data, undefined);
      expect((await drain(its, stream)).map((event) => event.data)).toEqual([...data, null]);
    });

    it('R45: may be large', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      // what does not compress
      const large = randomBytes((5 * MEGABYTE * 3) / 4).toString('base64');
      await sent(its, stream, 'before', large, large, 'after');
      const got = (await drain(its, stream)).map((event) => event.data as string);
      expect(got.map((text) => text.length)).toEqual([6, large.length, large.length, 5]);
      expect(got[1] === large && got[2] === large).toBe(true);
    });

    it('R45: arrives in the order in which it was sent', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const numbers = Array.from({ length: 60 }, (_, i) => i);
      await sent(its, stream, ...numbers);
      expect((await drain(its, stream, GROUP, 13)).map((event) => event.data)).toEqual(numbers);
    });

    it('R45: arrives in that order, whatever transaction it was sent in', async () => {
      const its = driver();
      const stream = await its.newStream();
      await its.client.subscribe(stream, GROUP);
      const transaction = await its.begin();
      for (const n of [1, 2, 3]) await its.client.send(stream, { data: n }, { tx: transaction.tx });
      await transaction.commit();
      expect((await drain(its, stream)).map((event) => event.data)).toEqual([1, 2, 3]);
    });
  });
}
