import type { ClaimedRun } from '../../engine/worker-engine.interface.js';
import type { StreamEvent } from '../../interfaces/stream-event.interface.js';
import { toStreamEvent } from '../../streams/stored-event.js';

/** The event that a run is of: at its first delivery as the batch has it, later as the job that it became. */
export function eventOfRun(stream: string, claimed: ClaimedRun): StreamEvent {
  if (claimed.event !== undefined) return toStreamEvent(stream, claimed.event, claimed.attempt - 1);
  const { key, name, data, options, createdAt, attempt } = claimed;
  const source = {
    id: key,
    type: name,
    data,
    key: options?.key ?? null,
    headers: options?.headers ?? null,
    publishedAt: createdAt,
    cursor: options?.cursor ?? '',
  };
  return toStreamEvent(stream, source, attempt - 1);
}

/** The events of a run of a whole batch: all of them at the first delivery, later each by itself. */
export function eventsOfRun(stream: string, claimed: ClaimedRun): StreamEvent[] {
  const { batch, attempt } = claimed;
  if (batch === undefined) return [eventOfRun(stream, claimed)];
  return batch.events.map((record, i) => toStreamEvent(stream, record, i === 0 ? attempt - 1 : 0));
}
