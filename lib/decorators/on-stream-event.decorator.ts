import { stackable, STREAM_EVENT_METADATA, type StreamEventMetadata } from './metadata.js';

/**
 * A method of a `@StreamConsumer()` class that handles events: it gets the `StreamEvent` and the `StreamContext`. An event
 * whose method throws is retried, alone and for this group. Several of them on one method: it takes each of the types.
 *
 * @param type the type or types it takes. Without one, or `'*'`: every type that no other method of the group in this
 * process takes.
 */
export function OnStreamEvent(type?: string | string[]): MethodDecorator {
  const metadata: StreamEventMetadata = type;
  return stackable(STREAM_EVENT_METADATA, metadata);
}
