import type { ReadFrom, ReadRequest, StreamEngine } from '../engine/stream-engine.interface.js';
import { refuseEvent } from '../errors/invalid-event.error.js';
import type { ObserveOptions, PublishOptions, ReadOptions } from '../interfaces/stream-options.interface.js';
import { date, integer, plainText } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { type Check, readShape, type Shape } from '../utils/shape.js';

const MAX_LIMIT = 10_000;
const DEFAULT_LIMIT = 100;
/** Of what is read at once: the server packs it into one text, which has to fit its memory and this process's. */
export const MAX_BYTES = 16 * 1024 * 1024;

/** How reading begins, and of what. */
export type TailRequest = Pick<ReadRequest, 'from' | 'types'>;

type Cursors = Pick<StreamEngine, 'isCursor'>;
type Place = 'start' | 'end';

const PUBLISH_OPTIONS: Shape<{ tx: PublishOptions['tx'] }> = { tx: (value) => value as PublishOptions['tx'] };

export function checkStream(name: unknown): string {
  return plainText(name, 'stream', refuseEvent);
}

export function checkGroup(name: unknown): string {
  return plainText(name, 'group', refuseEvent);
}

export function checkPublishOptions(options: PublishOptions | undefined): PublishOptions {
  return options === undefined ? {} : readShape(options, 'options', PUBLISH_OPTIONS, refuseEvent);
}

export function checkReadOptions(options: ReadOptions | undefined, engine: Cursors): ReadRequest {
  const shape: Shape<{ after: ReadFrom; limit: number; type: readonly string[] }> = {
    after: place(engine, 'start'),
    limit: integer(1, MAX_LIMIT),
    type: types,
  };
  const { after, limit, type } = options === undefined ? {} : readShape(options, 'options', shape, refuseEvent);
  return { from: after ?? 'start', limit: limit ?? DEFAULT_LIMIT, maxBytes: MAX_BYTES, types: type ?? null };
}

export function checkObserveOptions(options: ObserveOptions | undefined, engine: Cursors): TailRequest {
  const shape: Shape<{ after: ReadFrom; type: readonly string[] }> = {
    after: place(engine, 'start', 'end'),
    type: types,
  };
  const { after, type } = options === undefined ? {} : readShape(options, 'options', shape, refuseEvent);
  return { from: after ?? 'end', types: type ?? null };
}

export function checkSeek(to: unknown, engine: Cursors): ReadFrom | { readonly time: Date } {
  return to instanceof Date
    ? { time: date(to, 'to', refuseEvent) }
    : place(engine, 'start', 'end')(to, 'to', refuseEvent);
}

/** One of these ends, or a cursor. */
function place(engine: Cursors, ...ends: readonly Place[]): Check<ReadFrom> {
  return (value, path, refuse) => {
    const end = ends.find((one) => one === value);
    if (end !== undefined) return end;
    if (typeof value === 'string' && engine.isCursor(value)) return { cursor: value };
    const known = [...ends.map((one) => `'${one}'`), `an event's cursor, as it was read`];
    return refuse(path, `must be ${known.join(' or ')}, not ${describeValue(value)}`);
  };
}

/** One, or several: none at all would be nothing to read. */
const types: Check<readonly string[]> = (value, path, refuse) => {
  if (!Array.isArray(value)) return [plainText(value, path, refuse)];
  if (value.length === 0) return refuse(path, 'must name one type at least: leave it out for all');
  return value.map((one, i) => plainText(one, `${path}[${i}]`, refuse));
};
