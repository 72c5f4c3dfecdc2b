import { describe, expect, it } from 'vitest';
import { DelayedError, InvalidOptionsError } from '../../lib/index.js';
import { parseDuration } from '../../lib/utils/duration.js';

describe('a duration', () => {
  it.each([
    [0, 0],
    [250, 250],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1500],
    ['15m', 900_000],
    ['6h', 21_600_000],
    ['3d', 259_200_000],
    ['1w', 604_800_000],
    [0.2, 1],
  ])('%j is %d ms', (value, ms) => {
    expect(parseDuration(value)).toBe(ms);
  });

  it.each([
    -1,
    Number.NaN,
    Infinity,
    '',
    '5',
    '5 minutes',
    '-1s',
    '1y',
    '1S',
    's',
    ' 1s',
    '11000000w',
    4e11,
    null,
    undefined,
    true,
    {},
    [1],
  ])('%j is none', (value) => {
    expect(parseDuration(value)).toBeUndefined();
  });
});

describe('DelayedError', () => {
  it('keeps the delay as it was written', () => {
    expect(new DelayedError('5m')).toMatchObject({ delay: '5m', name: 'DelayedError', message: 'Runs again in 5m' });
    expect(new DelayedError(100, 'later').message).toBe('later');
  });

  it('refuses a delay that cannot be read', () => {
    // @ts-expect-error no such unit
    expect(() => new DelayedError('5 minutes')).toThrow(InvalidOptionsError);
    expect(() => new DelayedError(-1)).toThrow(/delay must be milliseconds or a string such as.*not -1 \(number\)/);
  });
});
