import type { ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { JobOptions } from '../interfaces/job-options.interface.js';

/** What is stored, as a user would write it. */
export function toJobOptions({ runAt, backoff, ...options }: ResolvedJobOptions): Omit<JobOptions, 'tx'> {
  return {
    ...options,
    ...(backoff === undefined ? {} : { backoff: { ...backoff } }),
    ...(runAt === undefined ? {} : { runAt: new Date(runAt) }),
  };
}
