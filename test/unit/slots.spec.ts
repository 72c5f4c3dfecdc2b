import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { JobRun } from '../../lib/runtime/job-run.js';
import type { ProcessorDefinition } from '../../lib/runtime/processor-definition.js';
import { Slots } from '../../lib/runtime/slots.js';

let slots: Slots;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  slots = new Slots({ options: { concurrency: 2 }, handlers: new Map() } as unknown as ProcessorDefinition);
});

afterEach(() => {
  vi.useRealTimers();
});

/** Begins a run. */
function begin(): JobRun {
  const run = { settled: false, startedAt: performance.now() } as JobRun;
  slots.push(run);
  slots.begin();
  return run;
}

it('nothing is fetched ahead until a job has shown how long it takes', () => {
  expect([slots.free, slots.ahead]).toEqual([2, 0]);
  slots.end(begin(), 4);
  // two places, each for five jobs within 20 ms
  expect([slots.free, slots.ahead]).toEqual([2, 10]);
});

it('nothing is fetched ahead for the places of jobs that take long, however short others were', () => {
  slots.end(begin(), 4);
  begin();
  begin();
  expect(slots.ahead).toBe(10);
  vi.advanceTimersByTime(21);
  expect([slots.ahead, slots.room]).toEqual([0, 0]);
});

it('one place that is held for long leaves what the other will do', () => {
  slots.end(begin(), 4);
  begin();
  vi.advanceTimersByTime(60_000);
  expect([slots.free, slots.ahead]).toEqual([1, 5]);
});

it('nothing is fetched ahead while lost runs wait for a free place, and with nothing ahead there is one soon', () => {
  slots.end(begin(), 4);
  begin();
  begin();
  slots.push({ settled: false } as JobRun);
  expect([slots.free, slots.room]).toEqual([0, 9]);
  slots.awaited = true;
  expect([slots.free, slots.room]).toEqual([0, 0]);
  for (const run of slots.running) slots.end(run, 4);
  expect([slots.free, slots.room]).toEqual([1, 1]);
});
