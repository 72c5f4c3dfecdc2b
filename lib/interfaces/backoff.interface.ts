import type { Duration } from './duration.interface.js';

/** How long a failed job waits before its next attempt. */
export interface BackoffOptions {
  type: 'fixed' | 'exponential';
  /** The first delay. Default 1s. */
  delay?: Duration;
  /** No delay is longer. Default: none. */
  maxDelay?: Duration;
  /** Share of the delay that is random, 0 (default) to 1. */
  jitter?: number;
}

/** `BackoffOptions`, checked, in milliseconds. */
export interface ResolvedBackoff {
  readonly type: 'fixed' | 'exponential';
  readonly delay: number;
  readonly maxDelay?: number;
  readonly jitter?: number;
}
