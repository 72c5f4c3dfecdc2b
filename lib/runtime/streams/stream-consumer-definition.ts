import type { ResolvedStreamConsumerOptions } from '../../interfaces/stream-consumer-options.interface.js';
import type { StreamContext } from '../../interfaces/stream-context.interface.js';
import type { StreamEvent } from '../../interfaces/stream-event.interface.js';

/** One bound handler: what takes an event. */
export interface StreamEventHandler {
  /** `Class.method`, for messages. */
  readonly label: string;
  run(event: StreamEvent, context: StreamContext): unknown;
}

/** One bound handler of whole batches. */
export interface StreamBatchHandler {
  /** `Class.method`, for messages. */
  readonly label: string;
  run(events: readonly StreamEvent[], context: StreamContext): unknown;
}

/**
 * One consumer class of one group, as the runtime needs it: no Nest in here.
 *
 * - Those of one group, which is `stream` and `group`, have the same options.
 * - In a group each type has one handler and there is one `catchAll`, or there is one class with a `batch` and nothing else.
 */
export interface StreamConsumerDefinition {
  /** The class's name, for messages. */
  readonly label: string;
  readonly stream: string;
  readonly group: string;
  readonly options: ResolvedStreamConsumerOptions;
  /** Those of the options that the class says itself: what PgQue decides by its own settings must not say another thing. */
  readonly said: Partial<ResolvedStreamConsumerOptions>;
  /** By event type. */
  readonly handlers: ReadonlyMap<string, StreamEventHandler>;
  /** Takes every type that no other handler of the group in this process takes. */
  readonly catchAll?: StreamEventHandler;
  /** Takes everything, many at once. */
  readonly batch?: StreamBatchHandler;
}
