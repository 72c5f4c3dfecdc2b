import type { Log } from '../utils/log.js';
import { attemptError } from './attempt-error.js';

/** Calls listeners; what they throw, now or later, is logged and goes no further. */
export function tell<Args extends unknown[]>(
  listeners: readonly ((...args: Args) => unknown)[],
  log: Log,
  ...args: Args
): void {
  for (const listener of listeners) {
    try {
      const returned = listener(...args);
      if (returned instanceof Promise) returned.catch((error: unknown) => complain(log, error));
    } catch (error) {
      complain(log, error);
    }
  }
}

function complain(log: Log, error: unknown): void {
  const { message, stack = message } = attemptError(error, 1);
  log.error(`An @OnWorkerEvent method failed: ${stack}`);
}
