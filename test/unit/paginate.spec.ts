import { expect, it } from 'vitest';
import { paginate } from '../../lib/engine/postgres/paginate.js';

const sizes = (drafts: { data: string; headers?: string | null }[]): number[] =>
  paginate(drafts).map(({ length }) => length);
const of = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);

it('a statement takes 5,000 rows, or 16 MB of data and headers, but one row at least', () => {
  const [data, large] = ['null', 'x'.repeat(6 * 1024 * 1024)];
  expect(sizes(of(12_000, { data }))).toEqual([5_000, 5_000, 2_000]);
  expect(sizes(of(5, { data: large }))).toEqual([2, 2, 1]);
  expect(sizes(of(5, { data, headers: large }))).toEqual([2, 2, 1]);
  expect(sizes([{ data, headers: null }, { data: large + large + large }, { data }])).toEqual([1, 1, 1]);
});
