import type { EventRecord } from '../../engine/stream-engine.interface.js';
import type { ClaimedRun } from '../../engine/worker-engine.interface.js';
import type { StreamEvent } from '../../interfaces/stream-event.interface.js';
import { LoggedEvent } from '../../streams/logged-event.js';

/** The event that a run is of: at its first delivery as the batch has it, later as the job that it became. */
export function eventOfRun(stream: string, claimed: ClaimedRun): StreamEvent {
  if (claimed.event !== undefined) return new LoggedEvent(stream, claimed.event, 0);
  const { key, name, data, options, createdAt, attempt } = claimed;
  const record: EventRecord = {
    id: key,
    type: name,
    data,
    key: options?.key ?? null,
    headers: options?.headers === undefined ? null : JSON.stringify(options.headers),
    publishedAt: createdAt,
    txid: '',
    cursor: options?.cursor ?? '',
  };
  return new LoggedEvent(stream, record, attempt - 1);
}

/** The events of a run of a whole batch: all of them at the first delivery, later each by itself. */
export function eventsOfRun(stream: string, claimed: ClaimedRun): StreamEvent[] {
  return claimed.events?.map((record) => new LoggedEvent(stream, record, 0)) ?? [eventOfRun(stream, claimed)];
}
