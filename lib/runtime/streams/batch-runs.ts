import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { Batch, ClaimedRun } from '../../engine/worker-engine.interface.js';

/** What a batch and its events have in common as runs: the first, with nothing behind it. */
const FIRST = { run: 1, attempt: 1, options: null, errors: [] } as const;

/** The batch as one run: what its outcome is written under. */
export function runOfBatch({ key, lease, events }: Batch, attempts: number): ClaimedRun {
  return { ...FIRST, key, maxAttempts: attempts, name: '', data: 'null', createdAt: 0, lease, events };
}

/** One of its events as a run of its own. */
export function runOfEvent(event: EventRecord, { lease }: Batch, attempts: number): ClaimedRun {
  const { id, type, data, publishedAt } = event;
  return { ...FIRST, key: id, maxAttempts: attempts, name: type, data, createdAt: publishedAt, lease, event };
}
