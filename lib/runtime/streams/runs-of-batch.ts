import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, ClaimedRun, EventTries } from '../../engine/worker-engine.interface.js';

/** The batch as one run: what its outcome is written under. */
export function runOfBatch(batch: Batch, attempts: number): ClaimedRun {
  const { key, lease, tries } = batch;
  return {
    key,
    run: 1,
    ...delivery(tries),
    maxAttempts: attempts,
    name: '',
    data: 'null',
    options: null,
    createdAt: 0,
    lease,
    batch,
  };
}

/** One of its events as a run of its own: its batch's number, below zero, as the event may be in many; as a job it has runs from 2 on. */
export function runOfEvent(event: EventRecord, batch: Batch, attempts: number): ClaimedRun {
  const { id, type, data, publishedAt } = event;
  const { lease, tries, events } = batch;
  return {
    key: id,
    run: -Number(lease.n),
    ...delivery(event === events[0] ? tries : null),
    maxAttempts: attempts,
    name: type,
    data,
    options: null,
    createdAt: publishedAt,
    lease,
    event,
  };
}

function delivery(tries: EventTries | null): Pick<ClaimedRun, 'attempt' | 'errors'> {
  return { attempt: tries?.attempt ?? 1, errors: tries?.errors ?? [] };
}
