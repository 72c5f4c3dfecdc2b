import { stackable, STREAM_BATCH_METADATA } from './metadata.js';

/**
 * The one handler of a `@StreamConsumer()` class that takes events of every type, many at once: it gets an array of
 * `StreamEvent`, in order, and the `StreamContext`. Its group has no other handler in this process.
 *
 * When it fails, its events are delivered one by one, and those that fail alone are retried. On PgQue one that fails after
 * `commitIn()` is retried as a whole.
 */
export function OnStreamBatch(): MethodDecorator {
  return stackable(STREAM_BATCH_METADATA, true);
}
