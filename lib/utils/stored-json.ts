import { type DataLimits, JsonInspection, type JsonProblem } from './json-inspection.js';
import type { Refuse } from './shape.js';
import { hasUnstorableCharacter } from './text.js';
import { toError } from './to-error.js';

/** How the JSON of a NUL or a lone surrogate looks; a text that spells this out looks the same, so a hit is only a hint. */
const UNSTORABLE_HINT = /\\u(?:0000|d[89a-f])/;

/**
 * A value as the JSON text that is stored. `undefined` is `null`; otherwise as `JSON.stringify`, but what that would
 * lose in silence, and what PostgreSQL cannot store, is refused.
 *
 * @param root what the path in the error begins with, as `data`.
 */
export function toStoredJson(value: unknown, limits: DataLimits, root: string, refuse: Refuse): string {
  let read: string | JsonProblem;
  try {
    read = write(value, limits, root);
  } catch (error) {
    // a getter or a toJSON() of the user's
    return refuse(root, `could not be read: ${toError(error).message}`, { cause: error });
  }
  return typeof read === 'string' ? read : refuse(read.path, read.problem);
}

function write(value: unknown, limits: DataLimits, root: string): string | JsonProblem {
  const problem = new JsonInspection(limits).run(value, root);
  if (problem !== undefined) return problem;
  const json = JSON.stringify(value) ?? 'null';
  if (json.length * 3 > limits.maxDataBytes && Buffer.byteLength(json) > limits.maxDataBytes) {
    return { path: root, problem: `is larger than ${limits.maxDataBytes} bytes as JSON (maxDataBytes)` };
  }
  const unstorable = UNSTORABLE_HINT.test(json)
    ? new JsonInspection(limits, hasUnstorableCharacter).run(value, root)
    : undefined;
  return unstorable ?? json;
}
