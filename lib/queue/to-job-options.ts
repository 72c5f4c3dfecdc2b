import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { JobOptions } from '../interfaces/job-options.interface.js';

/** What is stored, as a user would write it. */
export function toJobOptions(stored: ResolvedJobOptions): Omit<JobOptions, 'tx'> {
  // what it carries is no option
  const { runAt, backoff, carried: _, ...options } = stored;
  return {
    ...options,
    ...(backoff === undefined ? {} : { backoff: { ...backoff } }),
    ...(runAt === undefined ? {} : { runAt: new Date(runAt) }),
  };
}
