import { refuseJob } from '../errors/invalid-job.error.js';
import { text } from '../utils/checks.js';

/** A job's name: 1 to 200 characters; quotes, spaces and semicolons are fine, they are parameters, never SQL. */
export function checkName(value: unknown, path: string): string {
  return text(value, path, refuseJob);
}
