import { describeValue } from './describe-value.js';
import { DURATION_FORMAT, parseDuration } from './duration.js';
import type { Check } from './shape.js';
import { plainTextProblem, textProblem } from './text.js';

// setTimeout() fires at once when it is given more
const MAX_TIMER = 2 ** 31 - 1;

/** `true` or `false`; a string such as `'false'` from the environment is refused. */
export const bool: Check<boolean> = (value, path, refuse) =>
  typeof value === 'boolean' ? value : refuse(path, `must be true or false, not ${describeValue(value)}`);

/** Whole, from `min` to `max`. */
export function integer(min: number, max: number): Check<number> {
  return (value, path, refuse) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : refuse(path, `must be an integer from ${min} to ${max}, not ${describeValue(value)}`);
}

/** Finite, from `min` to `max`. */
export function number(min: number, max: number): Check<number> {
  return (value, path, refuse) =>
    typeof value === 'number' && value >= min && value <= max
      ? value
      : refuse(path, `must be a number from ${min} to ${max}, not ${describeValue(value)}`);
}

/** A Duration, to milliseconds. */
export const duration: Check<number> = (value, path, refuse) =>
  parseDuration(value) ?? refuse(path, `must be ${DURATION_FORMAT}, not ${describeValue(value)}`);

/** A Duration that a timer waits for, to milliseconds: more than 0, at most 24 days. */
export const timer: Check<number> = (value, path, refuse) => {
  const ms = duration(value, path, refuse);
  return ms > 0 && ms <= MAX_TIMER
    ? ms
    : refuse(path, `must be more than 0 and at most 24 days, not ${describeValue(value)}`);
};

/** One that PostgreSQL can read, too: the years beyond are valid in JavaScript, and written in another form. */
export const date: Check<Date> = (value, path, refuse) => {
  const year = value instanceof Date ? value.getUTCFullYear() : Number.NaN;
  return year >= 1 && year <= 9999
    ? (value as Date)
    : refuse(path, `must be a valid Date, not ${describeValue(value)}`);
};

/** One of these words. */
export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  return (value, path, refuse) =>
    words.find((word) => word === value) ??
    refuse(path, `must be ${words.map((word) => `'${word}'`).join(' or ')}, not ${describeValue(value)}`);
}

/** A name or key: 1 to 200 characters, of any kind that PostgreSQL can store. */
export const text: Check<string> = (value, path, refuse) => {
  const problem = textProblem(value);
  return problem === undefined ? (value as string) : refuse(path, `${problem}: ${describeValue(value)}`);
};

/** The name of a queue, a stream, a group or a type of events: as `text`, without control characters. */
export const plainText: Check<string> = (value, path, refuse) => {
  const problem = plainTextProblem(value);
  return problem === undefined ? (value as string) : refuse(path, `${problem}: ${describeValue(value)}`);
};
