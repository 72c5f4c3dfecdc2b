import { type DataLimits, serialiseJson } from '../queue/job-data.js';
import type { Log } from '../utils/log.js';
import type { JobRun } from './job-run.js';

/** What a handler returned, as JSON text; one that cannot be stored is left out, and said: the job has run all the same. */
export function storableResult(run: JobRun, value: unknown, limits: DataLimits, log: Log): string | null {
  if (value === undefined || value === null) return null;
  try {
    return serialiseJson(value, limits, 'result');
  } catch (error) {
    log.error(
      `The result of job ${run.id} (${run.handler.label}) cannot be stored; it completes without: ${(error as Error).message}`,
    );
    return null;
  }
}
