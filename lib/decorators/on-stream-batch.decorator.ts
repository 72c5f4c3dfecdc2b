import { stackable, STREAM_BATCH_METADATA } from './metadata.js';

/**
 * The one handler of a `@StreamConsumer()` class that takes events of every type, many at once: it gets an array of
 * `StreamEvent`, in order, and the `StreamContext`. Its group has no other handler in this process.
 */
export function OnStreamBatch(): MethodDecorator {
  return stackable(STREAM_BATCH_METADATA, true);
}
