import { describe, expect, it } from 'vitest';
import { InvalidJobError } from '../../lib/index.js';
import { serialiseJson } from '../../lib/queue/job-data.js';

const LIMITS = { maxDataBytes: 1_048_576, maxDataDepth: 100 };
const json = (value: unknown, limits = LIMITS): string => serialiseJson(value, limits, 'data');

function refusal(value: unknown, limits = LIMITS): InvalidJobError {
  try {
    json(value, limits);
  } catch (error) {
    if (error instanceof InvalidJobError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = { a: value };
  return value;
}

describe('job data that JSON can hold is stored as JSON.stringify writes it', () => {
  class Person {
    constructor(
      readonly name: string,
      readonly born: Date,
    ) {}
    greet(): string {
      return this.name;
    }
  }
  const shared = { a: 1 };
  it.each([
    ['plain values', { a: 'ü"\\', b: [1, -0.5, true, null], c: {} }],
    ['a string', 'text'],
    ['null', null],
    ['an undefined property, which is dropped', { a: undefined, b: 1 }],
    ['an undefined element, which is null', [undefined, 1]],
    ['a Date', { at: new Date(0) }],
    ['a Buffer', Buffer.from('x')],
    ['an instance of a class', new Person('Ann', new Date(0))],
    ['an object without prototype', Object.assign(Object.create(null), { a: 1 })],
    ['one object in two places', [shared, shared]],
    ['an emoji', { '😀': '😀' }],
    ['text that spells an escape out', { a: String.raw`\u0000 \ud800` }],
    ['a toJSON() that returns plain values', { toJSON: () => ({ a: [1] }) }],
    ['a symbol key that is not enumerable', Object.defineProperty({ a: 1 }, Symbol('s'), { value: 1 })],
    ['a Date at the deepest level', { a: new Date(0) }],
  ])('%s', (_what, value) => {
    expect(json(value, { ...LIMITS, maxDataDepth: 2 })).toBe(JSON.stringify(value));
  });

  it('undefined is null', () => {
    expect(json(undefined)).toBe('null');
  });
});

describe('job data is refused with its path', () => {
  const circular: { children: unknown[]; n: number } = { n: 1, children: [] };
  circular.children.push({ parent: circular });
  const own: Record<string, unknown> = {};
  own['self'] = own;

  it.each<[string, unknown, string, RegExp]>([
    ['a circle', circular, 'data.children[0].parent', /circular/],
    ['a circle of one', own, 'data.self', /circular/],
    ['BigInt', { user: { balance: 1n } }, 'data.user.balance', /bigint/],
    ['a function', { user: { tags: [1, 2, () => 0] } }, 'data.user.tags[2]', /function/],
    ['a symbol', [Symbol('s')], 'data[0]', /symbol/],
    ['a symbol key', { a: { [Symbol('s')]: 1 } }, 'data.a', /symbol as a key/],
    ['Map', { a: new Map() }, 'data.a', /Object\.fromEntries/],
    ['Set', new Set([1]), 'data', /\[\.\.\.set\]/],
    ['WeakMap', { a: new WeakMap() }, 'data.a', /weak/],
    ['WeakSet', { a: new WeakSet() }, 'data.a', /weak/],
    ['Promise', { a: Promise.resolve(1) }, 'data.a', /await/],
    ['a typed array', { a: new Uint8Array(2) }, 'data.a', /binary/],
    ['ArrayBuffer', { a: new ArrayBuffer(2) }, 'data.a', /ArrayBuffer/],
    ['RegExp', { a: /x/ }, 'data.a', /RegExp/],
    ['Error', { a: new Error('x') }, 'data.a', /error\.message/],
    ['a boxed number', { a: Object(Number.NaN) }, 'data.a', /boxed/],
    ['NaN', { a: [Number.NaN] }, 'data.a[0]', /NaN/],
    ['Infinity', Infinity, 'data', /Infinity/],
    ['-Infinity', { a: -Infinity }, 'data.a', /-Infinity/],
    ['a NUL character', { a: { b: 'x\0' } }, 'data.a.b', /NUL/],
    ['a NUL character in a key', { a: { 'x\0': 1 } }, String.raw`data.a["x\u0000"]`, /NUL/],
    ['a lone high surrogate', ['\ud83d'], 'data[0]', /surrogate/],
    ['a lone low surrogate', { 'first name': '\ude00x' }, 'data["first name"]', /surrogate/],
    ['a lone surrogate in a key', { '\ud83d': 1 }, String.raw`data["\ud83d"]`, /surrogate/],
    ['what a toJSON() returns', { a: { toJSON: () => ({ b: new Map() }) } }, 'data.a.b', /Map/],
  ])('%s', (_what, value, path, message) => {
    const error = refusal(value);
    expect(error.path).toBe(path);
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(`${path} `)).toBe(true);
  });

  it('a getter or toJSON() that throws is a refusal too, with the cause', () => {
    const cause = new Error('no');
    const value = {
      get a(): never {
        throw cause;
      },
    };
    expect(refusal(value).cause).toBe(cause);
  });

  it('BigInt is refused even where an application has given it a toJSON()', () => {
    // oxlint-disable-next-line no-extend-native -- what applications do
    Object.defineProperty(BigInt.prototype, 'toJSON', { value: () => 'x', configurable: true });
    try {
      expect(refusal({ a: 1n }).path).toBe('data.a');
    } finally {
      Reflect.deleteProperty(BigInt.prototype, 'toJSON');
    }
  });
});

describe('job data has limits', () => {
  it('is as deep as maxDataDepth, and no deeper', () => {
    expect(json(nested(100))).toContain('{"a":1}');
    const error = refusal(nested(101));
    expect(error.message).toMatch(/deeper than 100 levels/);
    expect(error.path).toBe(`data${'.a'.repeat(100)}`);
  });

  it('a million levels do not overflow the stack', () => {
    expect(refusal(nested(1_000_000)).message).toMatch(/deeper/);
  });

  it('is as large as maxDataBytes of UTF-8, and no larger', () => {
    const limits = { ...LIMITS, maxDataBytes: 10 };
    expect(json('12345678', limits)).toBe('"12345678"');
    expect(refusal('123456789', limits).message).toMatch(/larger than 10 bytes/);
    expect(json('üüüü', limits)).toBe('"üüüü"');
    expect(refusal('üüüüü', limits).message).toMatch(/larger than 10 bytes/);
    expect(refusal([1, 1, 1, 1, 1], limits).message).toMatch(/larger than 10 bytes/);
    expect(refusal('\n\n\n\n\n', limits).message).toMatch(/larger than 10 bytes/);
  });

  it('what would be huge as JSON is refused before it is made', () => {
    let value: unknown = 'x';
    for (let i = 0; i < 60; i++) value = [value, value];
    expect(refusal(value).message).toMatch(/larger than 1048576 bytes/);
    expect(refusal(Array(4_000_000_000)).message).toMatch(/larger/);
  });
});
