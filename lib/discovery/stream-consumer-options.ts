import type { ResolvedStreamConsumerOptions } from '../interfaces/stream-consumer-options.interface.js';
import { duration, integer, oneOf, timer } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import type { Refuse, Shape } from '../utils/shape.js';

const DEFAULTS: ResolvedStreamConsumerOptions = Object.freeze({
  engine: 'pgqueue',
  startFrom: 'end',
  pollInterval: 30_000,
  maxMessages: 100,
  concurrency: 1,
  attempts: 6,
  retryDelay: 60_000,
  hold: 'nothing',
  unhandled: 'nack',
  shutdownTimeout: 10_000,
  maxStalledCount: 2,
});

// PgQue makes a channel of it, `pgque_<queue>`, which PostgreSQL cuts at 63 bytes
const MAX_PGQUE_BYTES = 57;

/** How a group reads; whose group, and of which stream, is not among them. */
export const STREAM_CONSUMER_OPTIONS: Shape<ResolvedStreamConsumerOptions> = {
  engine: oneOf('pgqueue', 'pgque'),
  startFrom: oneOf('start', 'end'),
  pollInterval: timer,
  maxMessages: integer(1, 10_000),
  concurrency: integer(1, 10_000),
  attempts: integer(1, 32_767),
  retryDelay: duration,
  hold: oneOf('nothing', 'key', 'stream'),
  unhandled: oneOf('nack', 'ack'),
  shutdownTimeout: (value, path, refuse) => (value === 0 ? 0 : timer(value, path, refuse)),
  maxStalledCount: integer(0, 1_000),
};

/** Options from several places, the later ones winning, over the defaults. */
export function resolveStreamConsumerOptions(
  ...sources: readonly Partial<ResolvedStreamConsumerOptions>[]
): ResolvedStreamConsumerOptions {
  return Object.assign({}, DEFAULTS, ...sources);
}

/** Refuses what is fine by itself, and cannot be had together. */
export function refuseContradictions(
  stream: string,
  { engine, hold, concurrency }: ResolvedStreamConsumerOptions,
  refuse: Refuse,
): void {
  if (engine === 'pgque') {
    const bytes = Buffer.byteLength(stream);
    if (bytes > MAX_PGQUE_BYTES) {
      refuse(
        'stream',
        `must be at most ${MAX_PGQUE_BYTES} bytes long on PgQue, not ${bytes}: ${describeValue(stream)}`,
      );
    }
    if (hold !== 'nothing') {
      refuse(
        'hold',
        `must be 'nothing' with engine: 'pgque', not ${describeValue(hold)}: PgQue goes on with what follows while an event ` +
          `is retried; leave it out, or use the module's own streams`,
      );
    }
  }
  if (hold === 'stream' && concurrency > 1) {
    refuse(
      'concurrency',
      `must be 1 with hold: 'stream', not ${describeValue(concurrency)}: one event at a time keeps the stream's order; ` +
        `leave it out, or use hold: 'key'`,
    );
  }
}

/** Refuses what is said and could not be kept. `attempts` is compared with the queue's own setting, at startup. */
export function refuseWhatPgqueDecides(
  { engine }: ResolvedStreamConsumerOptions,
  said: Partial<ResolvedStreamConsumerOptions>,
  refuse: Refuse,
): void {
  if (engine !== 'pgque' || said.maxStalledCount === undefined) return;
  refuse(
    'maxStalledCount',
    `= ${describeValue(said.maxStalledCount)} cannot be had with engine: 'pgque', which does not count how often an event was ` +
      `lost with its process: leave it out, or use the module's own streams`,
  );
}
