import type { BackoffStrategy, ResolvedWorkerOptions } from '../interfaces/worker-options.interface.js';
import { backoff } from '../utils/backoff-check.js';
import { integer, timer } from '../utils/checks.js';
import { readShape, type Refuse, type Shape } from '../utils/shape.js';

const DEFAULTS: ResolvedWorkerOptions = Object.freeze({
  concurrency: 10,
  shutdownTimeout: 10_000,
  maxStalledCount: 2,
  backoff: Object.freeze({ type: 'exponential', delay: 1000 }),
});

const WORKER_OPTIONS: Shape<ResolvedWorkerOptions> = {
  concurrency: integer(1, 10_000),
  pollInterval: timer,
  shutdownTimeout: (value, path, refuse) => (value === 0 ? 0 : timer(value, path, refuse)),
  maxStalledCount: integer(0, 1_000),
  backoff: (value, path, refuse) =>
    typeof value === 'function' ? (value as BackoffStrategy) : backoff(value, path, refuse),
};

/** Refuses what cannot be used; what is not said stays open. */
export function readWorkerOptions(value: unknown, path: string, refuse: Refuse): Partial<ResolvedWorkerOptions> {
  return value === undefined ? {} : readShape(value, path, WORKER_OPTIONS, refuse);
}

/** Options from several places, the later ones winning, over the defaults. */
export function resolveWorkerOptions(...sources: readonly Partial<ResolvedWorkerOptions>[]): ResolvedWorkerOptions {
  return Object.assign({}, DEFAULTS, ...sources);
}
