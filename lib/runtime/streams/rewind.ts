import type { Batch, EventTries, FollowUp } from '../../engine/worker-engine.interface.js';
import type { JobRun } from '../job-run.js';

/** The position moves back into a batch, before one of its events: what follows from a run where the order of events counts. */
export function rewindTo(
  { lease, events, tries }: Batch,
  index: number,
  run: JobRun,
  { state, delay = 0, charge = 0, error }: FollowUp,
): FollowUp {
  const after = index === 0 ? null : events[index - 1]!.cursor;
  const { single } = tries ?? {};
  const errors = error === undefined ? run.errors : [...run.errors, error];
  const attempt = run.attemptsStarted + charge;
  const kept: EventTries = {
    ...(attempt > 1 && { attempt }),
    ...(errors.length > 0 && { errors }),
    ...(single !== undefined && { single }),
  };
  return {
    state,
    batch: lease.n,
    lane: lease.lane,
    rewind: { after, delay, tries: Object.keys(kept).length === 0 ? null : kept },
  };
}

/** A batch that failed as a whole: its events are delivered one by one, to see which it is; the one that fails alone is retried. */
export function rewindWhole(batch: Batch, run: JobRun, followUp: FollowUp): FollowUp {
  const { lease, events } = batch;
  if (events.length === 1 || followUp.state !== 'r') return rewindTo(batch, 0, run, followUp);
  const tries = { single: events.length };
  return { state: 'r', batch: lease.n, lane: lease.lane, rewind: { after: null, delay: 0, tries } };
}
