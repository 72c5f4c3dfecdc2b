import { InvalidJobError } from '../errors/invalid-job.error.js';
import { toError } from '../utils/to-error.js';
import { hasUnstorableCharacter } from '../utils/text.js';
import { Inspection, type DataLimits } from './inspection.js';

export type { DataLimits } from './inspection.js';

/** How the JSON of a NUL or a lone surrogate looks; a text that spells this out looks the same, so a hit is only a hint. */
const UNSTORABLE_HINT = /\\u(?:0000|d[89a-f])/;

/**
 * A value as the JSON text that is stored. `undefined` is `null`; otherwise as `JSON.stringify`, but what that would
 * lose in silence, and what PostgreSQL cannot store, is refused.
 *
 * @param root `data` or `result`: what the path in the error begins with.
 * @throws InvalidJobError with the path, as `data.user.tags[2]`.
 */
export function serialiseJson(value: unknown, limits: DataLimits, root: string): string {
  try {
    new Inspection(limits).run(value, root);
    const json = JSON.stringify(value) ?? 'null';
    if (json.length * 3 > limits.maxDataBytes && Buffer.byteLength(json) > limits.maxDataBytes) {
      throw new InvalidJobError(root, `${root} is larger than ${limits.maxDataBytes} bytes as JSON (maxDataBytes)`);
    }
    if (UNSTORABLE_HINT.test(json)) new Inspection(limits, hasUnstorableCharacter).run(value, root);
    return json;
  } catch (error) {
    if (error instanceof InvalidJobError) throw error;
    // a getter or a toJSON() of the user's
    throw new InvalidJobError(root, `${root} could not be read: ${toError(error).message}`, { cause: error });
  }
}
