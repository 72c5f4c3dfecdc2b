/** What a run's next run has in common with it, beside its queue, lane, number and options. */
export const CARRIED_COLUMNS = 'job_id, created_at, attempt, max_attempts, lost, name, payload, meta';
