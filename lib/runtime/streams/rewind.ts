import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, EventTries, FollowUp } from '../../engine/worker-engine.interface.js';
import type { JobRun } from '../job-run.js';

/**
 * The position moves back into a batch, before one of its events: what follows where the order of events counts.
 *
 * @param skip those behind it that have ended.
 */
export function rewindTo(
  { lease, events, tries }: Batch,
  index: number,
  run: JobRun,
  { state, delay = 0, charge = 0, error }: FollowUp,
  skip: readonly EventRecord[] = [],
): FollowUp {
  const after = index === 0 ? null : events[index - 1]!.cursor;
  const errors = error === undefined ? run.errors : [...run.errors, error];
  const attempt = run.attemptsStarted + charge;
  const skipped = [...(tries?.skip ?? []), ...skip.map(({ id }) => id)];
  const kept: EventTries = {
    ...(attempt > 1 && { attempt }),
    ...(errors.length > 0 && { errors }),
    ...(tries?.single !== undefined && { single: tries.single }),
    ...(skipped.length > 0 && { skip: skipped }),
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
  if (batch.events.length === 1 || followUp.state !== 'r') return rewindTo(batch, 0, run, followUp);
  const again = rewindTo(batch, 0, run, { state: 'r' });
  const tries: EventTries = { ...again.rewind!.tries, single: batch.events.length };
  return { ...again, rewind: { ...again.rewind!, tries } };
}
