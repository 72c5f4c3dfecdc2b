import type { StreamSettings } from '../engine/stream-engine.interface.js';
import { duration } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { memberPath } from '../utils/member-path.js';
import { type Check, readShape, type Shape } from '../utils/shape.js';

type Behind = NonNullable<StreamSettings['behind']>;

const age: Check<number> = (value, path, refuse) => {
  const ms = duration(value, path, refuse);
  return ms > 0 ? ms : refuse(path, `must be more than 0, not ${describeValue(value)}: nobody would get an event`);
};

const DROP: Shape<{ dropAfter: number }> = { dropAfter: age };

const behind: Check<Behind> = (value, path, refuse) => {
  if (value === 'keep') return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(path, `must be 'keep' or { dropAfter: … }, not ${describeValue(value)}`);
  }
  const { dropAfter } = readShape(value, path, DROP, refuse);
  return dropAfter === undefined
    ? refuse(memberPath(path, 'dropAfter'), `is missing: say how old an event is that is dropped, or behind: 'keep'`)
    : { dropAfter };
};

const SETTINGS: Shape<Required<StreamSettings>> = { retention: duration, behind };

/** What a stream keeps, in milliseconds; what is not said stays as it is. */
export const resolveStreamSettings: Check<StreamSettings> = (value, path, refuse) =>
  readShape(value, path, SETTINGS, refuse);
