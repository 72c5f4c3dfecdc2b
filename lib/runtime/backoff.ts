import type { ResolvedBackoff } from '../interfaces/backoff.interface.js';

/** No delay is longer than this, whatever an exponential grows to: ten years. */
const LONGEST = 10 * 365.25 * 24 * 3_600_000;

/**
 * Milliseconds before the next attempt, after `attemptsMade` failed ones (from 1): the delay itself when fixed, doubled
 * with each attempt when exponential, at most `maxDelay`; then the share `jitter` of it is random, never adding to it.
 */
export function backoffDelay(
  backoff: ResolvedBackoff,
  attemptsMade: number,
  random: () => number = Math.random,
): number {
  const { type, delay, maxDelay = LONGEST, jitter = 0 } = backoff;
  const grown = type === 'fixed' ? delay : delay * 2 ** (attemptsMade - 1);
  const capped = Math.min(grown, maxDelay, LONGEST);
  return capped * (1 - jitter * random());
}
