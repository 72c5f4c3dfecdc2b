import type { JobEngine, RecordedState } from '../engine/job-engine.interface.js';
import { refuseJob } from '../errors/invalid-job.error.js';
import type { BulkOptions } from '../interfaces/job-options.interface.js';
import type { JobState, RetryFilter } from '../interfaces/job-state.interface.js';
import { date, integer, oneOf, text } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { readShape, type Shape } from '../utils/shape.js';

const STATES: readonly JobState[] = ['waiting', 'delayed', 'active', 'completed', 'failed'];
const BULK_OPTIONS: Shape<{ tx: BulkOptions['tx'] }> = { tx: (value) => value as BulkOptions['tx'] };
const state = oneOf(...STATES);

export function checkBulkOptions(options: BulkOptions | undefined): BulkOptions {
  return options === undefined ? {} : readShape(options, 'options', BULK_OPTIONS, refuseJob);
}

export function checkId(id: unknown): string {
  return text(id, 'id', refuseJob);
}

/** One state, several, or none, which is all of them. */
export function checkStates(states: JobState | readonly JobState[] | undefined): readonly RecordedState[] {
  const asked = states === undefined ? [] : typeof states === 'string' ? [states] : [...states];
  const checked = asked.map((one, i) => state(one, `states[${i}]`, refuseJob));
  return checked.length === 0 ? STATES : [...new Set(checked)];
}

export function checkRange(start: number, end: number): void {
  integer(0, Number.MAX_SAFE_INTEGER)(start, 'start', refuseJob);
  integer(-1, Number.MAX_SAFE_INTEGER)(end, 'end', refuseJob);
}

/** Exactly one way to choose: an empty filter must not mean all of them. */
export function checkRetryFilter(filter: RetryFilter): Parameters<JobEngine['retryDead']>[1] {
  const { ids, failedBefore, all } = readShape<Required<RetryFilter>>(filter, 'filter', FILTER, refuseJob);
  const given = [ids, failedBefore, all].filter((one) => one !== undefined).length;
  if (given === 1 && ids !== undefined) return { ids };
  if (given === 1 && failedBefore !== undefined) return { failedBefore };
  if (given === 1) return { all: true };
  return refuseJob('filter', 'must have one of ids, failedBefore and all');
}

const FILTER: Shape<Required<RetryFilter>> = {
  ids: (value, path, refuse) =>
    Array.isArray(value)
      ? value.map((id, i) => text(id, `${path}[${i}]`, refuse))
      : refuse(path, `must be an array of job ids, not ${describeValue(value)}`),
  failedBefore: date,
  all: (value, path, refuse) => (value === true ? value : refuse(path, `must be true, not ${describeValue(value)}`)),
};
