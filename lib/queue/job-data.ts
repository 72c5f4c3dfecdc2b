import { refuseJob } from '../errors/invalid-job.error.js';
import type { DataLimits } from '../utils/json-inspection.js';
import { toStoredJson } from '../utils/stored-json.js';

export type { DataLimits } from '../utils/json-inspection.js';

/**
 * A job's data or result as the JSON text that is stored.
 *
 * @param root `data` or `result`: what the path in the error begins with.
 * @throws InvalidJobError with the path, as `data.user.tags[2]`.
 */
export function serialiseJson(value: unknown, limits: DataLimits, root: string): string {
  return toStoredJson(value, limits, root, refuseJob);
}
