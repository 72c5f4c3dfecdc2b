import { describe, expect, it } from 'vitest';
import type { DeadLetter } from '../../../lib/index.js';
import { drain, type Driver, GROUP, idsOf, nackAll, receive, sent, type StreamDriver } from './driver.js';

const ATTEMPTS = 2;

/** A stream of which groups have given up events, one after the other; with the letters, in that order. */
async function withDead(its: StreamDriver, groups = [GROUP], events = 1): Promise<[string, DeadLetter[]]> {
  const stream = await its.newStream();
  for (const group of groups) {
    await its.client.subscribe(stream, group);
    await its.setAttempts(stream, group, ATTEMPTS);
  }
  await sent(its, stream, ...Array.from({ length: events }, (_, n) => ({ n })));
  for (const group of groups) await nackAll(its, stream, ({ data }) => `no ${data.n} of ${group}`, group);
  return [stream, (await its.client.deadLetters(stream)).toReversed()];
}

/** Dead letters, and what becomes of them. */
export function deadLettersContract(driver: Driver): void {
  describe('dead letters', () => {
    it('R28: are listed, the newest first, of a stream or of a group, so many at most', async () => {
      const its = driver();
      const before = Date.now() - 60_000;
      const [stream] = await withDead(its, ['a', 'b'], 3);
      const reasons = async (options?: { group?: string; limit?: number }): Promise<string[]> =>
        (await its.other.deadLetters(stream, options)).map(({ reason }) => reason);
      expect(await reasons()).toEqual(['no 2 of b', 'no 1 of b', 'no 0 of b', 'no 2 of a', 'no 1 of a', 'no 0 of a']);
      expect(await reasons({ group: 'a' })).toEqual(['no 2 of a', 'no 1 of a', 'no 0 of a']);
      expect(await reasons({ limit: 4 })).toEqual(['no 2 of b', 'no 1 of b', 'no 0 of b', 'no 2 of a']);
      expect(await reasons({ group: 'a', limit: 1 })).toEqual(['no 2 of a']);
      expect(await reasons({ group: 'nobody' })).toEqual([]);
      expect(await its.client.deadLetters(await its.newStream())).toEqual([]);
      const letters = await its.client.deadLetters(stream);
      expect(new Set(idsOf(letters)).size).toBe(6);
      for (const { at, event } of letters) {
        expect(at.getTime()).toBeGreaterThan(before);
        expect(event.stream).toBe(stream);
      }
    });

    it('R28: are replayed one by one, with fresh attempts', async () => {
      const its = driver();
      const [stream, letters] = await withDead(its, ['a', 'b'], 2);
      const letter = letters[0]!;
      expect(await its.client.replay(letter.id)).toBe(1);
      expect(idsOf(await its.client.deadLetters(stream))).toEqual(idsOf(letters.slice(1)).toReversed());
      const { replayIsNewEvent } = its.differences;
      const [again, ...rest] = await drain(its, stream, 'a');
      expect(rest).toEqual([]);
      expect(again).toMatchObject({ data: letter.event.data, type: letter.event.type, retryCount: 0 });
      expect(again!.id === letter.event.id).toBe(!replayIsNewEvent);
      expect(await drain(its, stream, 'b')).toHaveLength(replayIsNewEvent ? 1 : 0);
      expect(await its.client.replay(letter.id)).toBe(0);
    });

    it('R28: are replayed and may die again', async () => {
      const its = driver();
      const [stream, letters] = await withDead(its);
      expect(await its.client.replay(letters[0]!.id)).toBe(1);
      expect(await nackAll(its, stream, () => 'no again')).toHaveLength(ATTEMPTS);
      expect((await its.client.deadLetters(stream)).map(({ reason }) => reason)).toEqual(['no again']);
    });

    it('R28: are replayed once by many who do so at the same time', async () => {
      const its = driver();
      const [stream, letters] = await withDead(its);
      const replayed = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => (i % 2 === 0 ? its.client : its.other).replay(letters[0]!.id)),
      );
      expect(replayed.reduce((sum, one) => sum + one, 0)).toBe(1);
      expect(await drain(its, stream)).toHaveLength(1);
    });

    it('R28: are replayed all of them, of a group or of a stream', async () => {
      const its = driver();
      const [stream] = await withDead(its, ['a', 'b'], 3);
      expect(await its.client.replay({ stream, group: 'a' })).toBe(3);
      expect((await drain(its, stream, 'a')).map(({ data }) => data.n)).toEqual([0, 1, 2]);
      expect((await its.client.deadLetters(stream)).map(({ group }) => group)).toEqual(['b', 'b', 'b']);
      expect(await its.client.replay({ stream })).toBe(3);
      expect((await drain(its, stream, 'b')).length).toBe(its.differences.replayIsNewEvent ? 6 : 3);
      expect(await its.client.replay({ stream })).toBe(0);
      expect(await its.client.deadLetters(stream)).toEqual([]);
    });

    it('R28: that never were are not replayed', async () => {
      const its = driver();
      for (const unknown of ['0', 'x', '1.1', '123456789', '9'.repeat(30)]) {
        expect(await its.client.replay(unknown)).toBe(0);
      }
      expect(await its.client.replay({ stream: await its.newStream() })).toBe(0);
    });

    it('R28: are purged when they are older than is said, of one stream', async () => {
      const its = driver();
      const [stream] = await withDead(its, ['a', 'b'], 2);
      const [untouched] = await withDead(its);
      expect(await its.client.purge(stream, '1h')).toBe(0);
      expect(await its.client.deadLetters(stream)).toHaveLength(4);
      expect(await its.client.purge(stream, 0)).toBe(4);
      expect(await its.client.purge(stream, 0)).toBe(0);
      expect(await its.client.deadLetters(stream)).toEqual([]);
      expect(await receive(its, stream, 'a')).toBeUndefined();
      expect(await its.client.deadLetters(untouched)).toHaveLength(1);
      expect(await its.client.purge(await its.newStream(), 0)).toBe(0);
    });
  });
}
