import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const bench = path.resolve(import.meta.dirname, '../../bench');
const { check, CHECKED } = await import(path.join(bench, 'floors/check.mjs'));
const { State } = await import(path.join(bench, 'lib/state.mjs'));

describe('the check of the speed', () => {
  const recorded = Object.values(
    JSON.parse(readFileSync(path.join(bench, 'floors/recorded.json'), 'utf8')) as Record<string, number>,
  );
  const [add, transactions, bulk, drain, publish, consume] = recorded as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const asRecorded: Record<string, object> = {
    w1: { add16: { rate: add }, plain16: { rate: 1 } },
    w1t: { with: transactions, without: 1 },
    w2: { add: bulk, plain: 1 },
    w3: { drain: { rate: drain }, loop: { rate: 1 } },
    s1: { bulk: publish, plain: 1 },
    s3: { one1000: consume, loop1000: 1 },
  };
  const results = (changed: object): Record<string, { result: object }[]> =>
    Object.fromEntries(Object.entries({ ...asRecorded, ...changed }).map(([cell, result]) => [cell, [{ result }]]));
  const slow = { w3: { drain: { rate: drain * 0.66 }, loop: { rate: 1 } } };
  let said: string[];
  beforeEach(() => {
    said = [];
    vi.spyOn(console, 'log').mockImplementation((text: string) => said.push(text));
  });
  afterEach(() => vi.restoreAllMocks());

  it('passes what is as fast as it was recorded, and measures nothing again', async () => {
    expect(CHECKED).toEqual(Object.keys(asRecorded));
    expect(await check(results({}), () => expect.unreachable())).toBe(true);
    expect(said.at(-1)).toBe('6 passed, 0 failed');
  });

  it('fails what is slower by more than a third each time', async () => {
    const again: string[] = [];
    const measure = async (cell: string): Promise<object> => {
      again.push(cell);
      return slow.w3;
    };
    expect(await check(results(slow), measure)).toBe(false);
    expect(again).toEqual(['w3', 'w3']);
    expect(said.at(-1)).toBe('5 passed, 1 failed');
  });

  it('passes what was slow once', async () => {
    expect(await check(results(slow), async () => asRecorded.w3)).toBe(true);
  });
});

describe('the results of a run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const state = (subject: object, fresh = false): InstanceType<typeof State> =>
    new State(path.join(folder, 'state.jsonl'), subject, { fresh });
  const cell = { workload: 'w1', variant: '16', system: 'pgqueue', profile: 'default', repetition: 0 };

  it('are there for the run that goes on, which tries those again that failed', () => {
    const first = state({ commit: 'a' });
    first.add(cell, { figures: { rate: 1 } });
    first.add({ ...cell, repetition: 1 }, { error: 'it broke' });
    const next = state({ commit: 'a' });
    expect(next.find(cell)).toEqual({ figures: { rate: 1 } });
    expect(next.find({ ...cell, repetition: 1 })).toBeUndefined();
    expect(next.find({ ...cell, system: 'pg-boss' })).toBeUndefined();
  });

  it('of another version are left alone, and of none when it begins afresh', () => {
    state({ commit: 'a' }).add(cell, { figures: { rate: 1 } });
    const other = state({ commit: 'b' });
    expect(other.find(cell)).toBeUndefined();
    expect(other.others).toBe(1);
    expect(state({ commit: 'a' }, true).find(cell)).toBeUndefined();
  });
});
