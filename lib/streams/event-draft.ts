import type { EventDraft } from '../engine/stream-engine.interface.js';
import { refuseEvent } from '../errors/invalid-event.error.js';
import type { NewStreamEvent } from '../interfaces/stream-event.interface.js';
import { plainText } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import type { DataLimits } from '../utils/json-inspection.js';
import { memberPath } from '../utils/member-path.js';
import { toStoredJson } from '../utils/stored-json.js';

const DEFAULT_TYPE = 'default';
const PARTS: ReadonlySet<string> = new Set(['type', 'data', 'key', 'headers'] satisfies (keyof NewStreamEvent)[]);

/**
 * @param path of the event, which the path in an error begins with, as `event.data.to`.
 * @throws InvalidEventError
 */
export function createEventDraft(event: NewStreamEvent, limits: DataLimits, path = 'event'): EventDraft {
  if (typeof event !== 'object' || event === null) {
    return refuseEvent(path, `must be an object, not ${describeValue(event)}`);
  }
  // what is not read must not be ignored
  for (const part in event) {
    if (!PARTS.has(part))
      refuseEvent(memberPath(path, part), `is no part of an event; known: ${[...PARTS].join(', ')}`);
  }
  const { type = DEFAULT_TYPE, data, key, headers } = event;
  return {
    type: plainText(type, `${path}.type`, refuseEvent),
    data: toStoredJson(data, limits, `${path}.data`, refuseEvent),
    key: key === undefined ? null : plainText(key, `${path}.key`, refuseEvent),
    headers: headers === undefined ? null : storedHeaders(headers, limits, `${path}.headers`),
  };
}

/** @throws InvalidEventError with a path that begins with the event's place, as `events[3].data.to`. */
export function createEventDrafts(events: readonly NewStreamEvent[], limits: DataLimits): EventDraft[] {
  if (!Array.isArray(events)) return refuseEvent('events', `must be an array, not ${describeValue(events)}`);
  return events.map((event: NewStreamEvent, i) => createEventDraft(event, limits, `events[${i}]`));
}

/** JSON text; null: none. */
function storedHeaders(headers: unknown, limits: DataLimits, path: string): string | null {
  // an instance of Headers, or a Map, has no members: what it holds would be lost
  if (!isPlain(headers)) return refuseEvent(path, `must be an object of strings, not ${describeValue(headers)}`);
  let any = false;
  for (const [name, value] of Object.entries(headers)) {
    any = true;
    if (typeof value !== 'string') {
      refuseEvent(memberPath(path, name), `must be a string, not ${describeValue(value)}`);
    }
  }
  const json = toStoredJson(headers, limits, path, refuseEvent);
  return any ? json : null;
}

/** An object literal, or one without a prototype; of whatever realm. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
