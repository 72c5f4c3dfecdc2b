import type { ResolvedBackoff } from '../interfaces/backoff.interface.js';
import { duration, number, oneOf } from './checks.js';
import { readShape, type Check, type Shape } from './shape.js';

const DEFAULT_DELAY = 1000;

const BACKOFF: Shape<ResolvedBackoff> = {
  type: oneOf('fixed', 'exponential'),
  delay: duration,
  maxDelay: duration,
  jitter: number(0, 1),
};

/** `backoff` as data: a number of milliseconds, or an object that says its type. */
export const backoff: Check<ResolvedBackoff> = (value, path, refuse) => {
  if (typeof value === 'number') return { type: 'fixed', delay: duration(value, path, refuse) };
  const read = readShape(value, path, BACKOFF, refuse);
  if (read.type === undefined) return refuse(path, `must say its type: 'fixed' or 'exponential'`);
  return { delay: DEFAULT_DELAY, ...read, type: read.type };
};
