import type { StreamSettings } from '../engine/stream-engine.interface.js';
import type { TransactionMode } from '../interfaces/transaction.interface.js';
import { duration, oneOf } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { memberPath } from '../utils/member-path.js';
import { type Check, readShape, type Shape } from '../utils/shape.js';

/** Of a stream: what is stored with it, and whether what is published joins the transaction around it. */
export interface ResolvedStreamOptions extends StreamSettings {
  readonly transaction?: TransactionMode;
}

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

const SETTINGS: Shape<Required<ResolvedStreamOptions>> = {
  retention: duration,
  behind,
  transaction: oneOf('auto', 'required', 'never'),
};

/** What a stream keeps, in milliseconds, where what is not said stays as it is; and what is this process's affair. */
export const resolveStreamSettings: Check<ResolvedStreamOptions> = (value, path, refuse) =>
  readShape(value, path, SETTINGS, refuse);
