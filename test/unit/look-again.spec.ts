import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LookAgain } from '../../lib/runtime/look-again.js';

let looks: (readonly number[])[];
let open: string[];
let again: LookAgain;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  looks = [];
  open = [];
  again = new LookAgain(
    () => 5_000,
    (lanes) => {
      looks.push(lanes);
      again.claiming();
      again.claimed(open, new Set(lanes));
    },
  );
});

afterEach(() => {
  again.stop();
  vi.useRealTimers();
});

describe('after a wake-up for a transaction that may be open', () => {
  it('looks no more where none is', async () => {
    again.woken(7);
    again.claiming();
    again.claimed([], new Set([7]));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toEqual([]);
  });

  it('looks with pauses that double, and leaves the rest to the poll', async () => {
    open = ['10'];
    again.woken(7);
    again.claiming();
    again.claimed(open, new Set([7]));
    await vi.advanceTimersByTimeAsync(2);
    expect(looks).toEqual([[7]]);
    await vi.advanceTimersByTimeAsync(4);
    expect(looks).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3_600_000);
    // 2, 4, ... 4,096 ms
    expect(looks).toHaveLength(12);
  });

  it('does not begin anew for one that it waits for already, however often it is woken', async () => {
    open = ['10'];
    for (let i = 0; i < 1_000; i++) {
      again.woken(7);
      again.claiming();
      again.claimed(open, new Set([7]));
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(looks.length).toBeLessThanOrEqual(12);
  });

  it('is quick about one that has just begun, beside one that is open for long', async () => {
    open = ['10'];
    again.woken(7);
    again.claiming();
    again.claimed(open, new Set([7]));
    await vi.advanceTimersByTimeAsync(60_000);
    looks.length = 0;
    open = ['10', '11'];
    again.woken(7);
    again.claiming();
    again.claimed(open, new Set([7]));
    open = ['10'];
    await vi.advanceTimersByTimeAsync(2);
    expect(looks).toEqual([[7]]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toHaveLength(1);
  });

  it('counts what the next claim sees, when it is woken while one is under way', async () => {
    again.claiming();
    again.woken(7);
    again.claimed([], new Set([3]));
    open = ['10'];
    again.claiming();
    again.claimed(open, new Set([7]));
    await vi.advanceTimersByTimeAsync(2);
    expect(looks).toEqual([[7]]);
  });

  it('ends with the last of them', async () => {
    open = ['10'];
    again.woken(7);
    again.claiming();
    again.claimed(open, new Set([7]));
    open = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toEqual([[7]]);
  });

  it('looks at its lanes when a claim elsewhere sees that one has ended', async () => {
    open = ['10', '11'];
    again.woken(7);
    again.claiming();
    again.claimed(open, new Set([7]));
    open = ['11'];
    again.claimed(open, new Set([3]));
    expect(looks).toEqual([[7]]);
    again.claimed([], 'all');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toEqual([[7]]);
  });
});

it('does nothing where no wake-up asked for it', async () => {
  again.claimed(['10'], new Set([7]));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(looks).toEqual([]);
});
