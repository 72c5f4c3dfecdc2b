import type { Refusal } from '../engine/worker-engine.interface.js';
import type { Log } from '../utils/log.js';
import { toError } from '../utils/to-error.js';
import type { Settled } from './outcome-writer.js';
import { tell } from './tell.js';

/** Ends that only others give a run: lost with its process, cancelled, removed. */
const TAKEN = new Set<string | null>(['l', 'x', 'd', null]);

/** Tells a processor's listeners how a run ended, once that is written; or says that it was not this process's to end. */
export function reportOutcome({ run, outcome, thrown }: Settled, refusal: Refusal | undefined, log: Log): void {
  const { listeners } = run.slots.definition;
  if (refusal !== undefined && TAKEN.has(refusal.state)) {
    log.warn(`Job ${run.id} was taken from this process while it ran: what it left is not written`);
    return;
  }
  const inTransaction = run.completedInTransaction && refusal?.state === 'c';
  if (outcome.followUp === undefined || inTransaction) {
    if (listeners.completed.length === 0) return;
    const output = inTransaction ? run.completedWith : outcome.output;
    tell(listeners.completed, log, run.job, output === null ? null : JSON.parse(output));
  } else if (outcome.followUp?.error !== undefined && listeners.failed.length > 0) {
    tell(listeners.failed, log, run.job, toError(thrown));
  }
}
