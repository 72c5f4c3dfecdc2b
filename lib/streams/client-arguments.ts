import type { DeadEventFilter } from '../engine/batch-engine.interface.js';
import type { DeadLetterOptions, ReplayFilter, SubscribeOptions } from '../interfaces/stream-client.interface.js';
import type { StreamEvent } from '../interfaces/stream-event.interface.js';
import { integer, oneOf, plainText, text } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { readShape, type Refuse, type Shape } from '../utils/shape.js';
import { storableText } from '../utils/text.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;
const MOST = 2 ** 31 - 1;
const REASON_CHARACTERS = 2_000;

const SUBSCRIBE_OPTIONS: Shape<Required<SubscribeOptions>> = { from: oneOf('start', 'end') };
const DEAD_LETTER_OPTIONS: Shape<Required<DeadLetterOptions>> = { group: plainText, limit: integer(1, MAX_LIMIT) };
const REPLAY_FILTER: Shape<Required<ReplayFilter>> = { stream: plainText, group: plainText };

export const checkMax = integer(1, MOST);

export function checkFrom(options: SubscribeOptions | undefined, refuse: Refuse): 'start' | 'end' {
  return (options === undefined ? {} : readShape(options, 'options', SUBSCRIBE_OPTIONS, refuse)).from ?? 'end';
}

export function checkDeadLetterOptions(
  options: DeadLetterOptions | undefined,
  refuse: Refuse,
): { group?: string; limit: number } {
  const read = options === undefined ? {} : readShape(options, 'options', DEAD_LETTER_OPTIONS, refuse);
  return { limit: DEFAULT_LIMIT, ...read };
}

/** One dead letter by its id, or those of a stream: which must be named, so that an empty filter does not mean all there are. */
export function checkReplay(which: string | ReplayFilter, refuse: Refuse): string | DeadEventFilter {
  if (typeof which === 'string') return text(which, 'id', refuse);
  const { stream, group } = readShape(which, 'which', REPLAY_FILTER, refuse);
  return { stream: plainText(stream, 'which.stream', refuse), group };
}

/** An event as it was received, or what JSON has made of it. */
export function checkEvent(event: Pick<StreamEvent, 'id' | 'cursor'>, refuse: Refuse): { id: string; cursor: string } {
  if (typeof event !== 'object' || event === null) {
    return refuse('event', `must be an event of the batch, not ${describeValue(event)}`);
  }
  const { id, cursor } = event;
  if (typeof id !== 'string' || typeof cursor !== 'string') {
    return refuse('event', 'must be an event of the batch, with its id and its cursor');
  }
  return { id, cursor };
}

export function checkReason(reason: string | undefined, refuse: Refuse): string | undefined {
  if (reason === undefined) return undefined;
  return typeof reason === 'string'
    ? storableText(reason, REASON_CHARACTERS)
    : refuse('reason', `must be a string, not ${describeValue(reason)}`);
}
