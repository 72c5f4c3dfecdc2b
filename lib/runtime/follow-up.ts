import type { FollowUp } from '../engine/worker-engine.interface.js';
import { DelayedError } from '../errors/delayed.error.js';
import { InvalidJobDataError } from '../errors/invalid-job-data.error.js';
import { ShutdownError } from '../errors/shutdown.error.js';
import { UnrecoverableError } from '../errors/unrecoverable.error.js';
import type { ResolvedBackoff } from '../interfaces/backoff.interface.js';
import type { BackoffStrategy } from '../interfaces/worker-options.interface.js';
import type { Log } from '../utils/log.js';
import { parseDuration } from '../utils/duration.js';
import { toError } from '../utils/to-error.js';
import { attemptError } from './attempt-error.js';
import { backoffDelay } from './backoff.js';
import type { JobRun } from './job-run.js';

/** A run that was handed back: the same attempt again, from the front of its lane or from its name's. */
export function handBack(to: 'front' | 'name'): FollowUp {
  return { state: 'm', to, charge: 0 };
}

/** What follows from a run that ended with an error. */
export function followUpOf(
  thrown: unknown,
  run: JobRun,
  backoff: ResolvedBackoff | BackoffStrategy,
  log: Log,
): FollowUp {
  // whatever was thrown, even a proxy whose traps throw
  const asError = toError(thrown);
  // only this runtime's own: a handler that throws one by itself has failed
  if (run.aborted instanceof ShutdownError) return handBack('front');
  if (asError instanceof DelayedError) {
    return later({ state: 'p', charge: 0 }, parseDuration(asError.delay) ?? 0);
  }
  const error = attemptError(asError, run.attemptsStarted);
  // its handler has not seen it: the attempt does not count
  if (asError instanceof InvalidJobDataError) return { state: 'f', reason: 'unrecoverable', charge: -1, error };
  if (asError instanceof UnrecoverableError) return { state: 'f', reason: 'unrecoverable', error };
  if (run.attemptsStarted >= run.claimed.maxAttempts) return { state: 'f', reason: 'exhausted', error };
  return later({ state: 'r', charge: 1, error }, retryDelay(thrown, run, backoff, log));
}

function later(followUp: FollowUp, delay: number): FollowUp {
  return delay > 0 ? { ...followUp, delay } : { ...followUp, to: 'home' };
}

/** The job's own backoff, else the worker's. A strategy that fails does not lose the job: the default applies. */
function retryDelay(thrown: unknown, run: JobRun, backoff: ResolvedBackoff | BackoffStrategy, log: Log): number {
  const chosen = run.claimed.options?.backoff ?? backoff;
  if (typeof chosen !== 'function') return backoffDelay(chosen, run.attemptsStarted);
  try {
    const said = chosen(run.attemptsStarted, thrown, run.job);
    const delay = parseDuration(said);
    if (delay !== undefined) return delay;
    log.error(`The backoff strategy returned ${String(said)} for job ${run.id}: it must be a duration. 1s is taken.`);
  } catch (error) {
    log.error(`The backoff strategy failed for job ${run.id}; 1s is taken: ${attemptError(error, 1).message}`);
  }
  return 1000;
}
