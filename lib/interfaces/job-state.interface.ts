/** `active`: leased to a process, whether its handler has started or not. `failed`: dead, out of attempts. */
export type JobState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed';

/** How many jobs are in each of the states that were asked for. */
export type JobCounts = Record<JobState, number> & {
  /** The states whose number is an estimate. */
  readonly estimated: readonly JobState[];
};

/** Which dead jobs `retryJobs()` brings back: exactly one of these. */
export interface RetryFilter {
  ids?: string[];
  failedBefore?: Date;
  all?: true;
}
