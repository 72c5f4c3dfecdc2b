import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import { refuseJob } from '../errors/invalid-job.error.js';
import type { JobOptions } from '../interfaces/job-options.interface.js';
import { backoff } from '../utils/backoff-check.js';
import { date, duration, integer, text, timer } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { readShape, type Check, type Refuse, type Shape } from '../utils/shape.js';

/** What a job gets when nobody says anything. `backoff` stays open: it is the worker's to say. */
const DEFAULTS: ResolvedJobOptions = Object.freeze({ attempts: 4, priority: 0 });

const runAt: Check<string> = (value, path, refuse) => date(value, path, refuse).toISOString();

const jobId: Check<string> = (value, path, refuse) => {
  const id = text(value, path, refuse);
  // all digits are the ids the database gives
  return /^\d+$/.test(id) ? refuse(path, `must not be all digits: ${describeValue(id)}`) : id;
};

const DEFAULT_JOB_OPTIONS: Shape<Pick<ResolvedJobOptions, 'attempts' | 'backoff' | 'priority' | 'timeout'>> = {
  attempts: integer(1, 32_767),
  backoff,
  priority: integer(0, 255),
  timeout: timer,
};

const JOB_OPTIONS: Shape<Omit<ResolvedJobOptions, 'carried'>> = {
  ...DEFAULT_JOB_OPTIONS,
  delay: duration,
  runAt,
  uniqueKey: text,
  jobId,
};

// checked where it is used: what it is, is the transaction adapters' to say
const ADD_OPTIONS: Shape<Omit<ResolvedJobOptions, 'carried'> & { tx: unknown }> = {
  ...JOB_OPTIONS,
  tx: (value) => value,
};

/** The defaults of a module or queue over those before them; frozen, and the same object when nothing is added. */
export function resolveDefaultJobOptions(
  value: unknown,
  path: string,
  refuse: Refuse,
  base: ResolvedJobOptions = DEFAULTS,
): ResolvedJobOptions {
  if (value === undefined) return base;
  return Object.freeze({ ...base, ...readShape(value, path, DEFAULT_JOB_OPTIONS, refuse) });
}

/**
 * The options of one job: the queue's defaults, then `add()`'s.
 *
 * Returns `defaults` itself when `add()` says nothing: jobs that share that object are grouped by it.
 *
 * @throws InvalidJobError naming the option and the value.
 */
export function resolveJobOptions(options: JobOptions | undefined, defaults: ResolvedJobOptions): ResolvedJobOptions {
  if (options === undefined) return defaults;
  const { tx: _, ...read } = readShape(options, 'options', ADD_OPTIONS, refuseJob);
  return merge(read, defaults, 'options');
}

/** As `resolveJobOptions()`, for one job of `addBulk()`: the transaction is the whole call's, never one job's. */
export function resolveBulkJobOptions(
  options: Omit<JobOptions, 'tx'> | undefined,
  defaults: ResolvedJobOptions,
  path: string,
): ResolvedJobOptions {
  return options === undefined ? defaults : merge(readShape(options, path, JOB_OPTIONS, refuseJob), defaults, path);
}

function merge(read: Partial<ResolvedJobOptions>, defaults: ResolvedJobOptions, path: string): ResolvedJobOptions {
  if (read.delay !== undefined && read.runAt !== undefined) {
    refuseJob(`${path}.runAt`, 'and delay are both given: one of them says when');
  }
  return Object.keys(read).length === 0 ? defaults : { ...defaults, ...read };
}
