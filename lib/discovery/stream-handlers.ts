import type { StreamEventMetadata } from '../decorators/metadata.js';
import { DuplicateHandlerError } from '../errors/duplicate-handler.error.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import { InvalidStreamConsumerError } from '../errors/invalid-stream-consumer.error.js';
import type {
  StreamBatchHandler,
  StreamConsumerDefinition,
  StreamEventHandler,
} from '../runtime/streams/stream-consumer-definition.js';
import { plainText } from '../utils/checks.js';
import type { Refuse } from '../utils/shape.js';
import type { Calls } from './calls.js';
import type { DecoratedMethod, StreamMethods } from './decorated-methods.js';

/** What a class handles: by type and everything else, or whole batches. */
export type StreamHandlers = Pick<StreamConsumerDefinition, 'handlers' | 'catchAll' | 'batch'>;

const CATCH_ALL = '*';

/**
 * Binds the handlers of one class: to its instance, and those in `calls` to what stands before them.
 *
 * @throws InvalidStreamConsumerError for a class without any, or with both kinds
 * @throws DuplicateHandlerError for two methods that would take the same events
 * @throws InvalidOptionsError for types that `@OnStreamEvent()` cannot take
 */
export function bindStreamHandlers(
  label: string,
  instance: object,
  methods: StreamMethods,
  calls: Calls,
): StreamHandlers {
  const [batch, ...others] = methods.batches;
  if (batch === undefined) return bindEventHandlers(label, instance, methods.events, calls);
  const [event] = methods.events;
  if (event !== undefined) {
    throw new InvalidStreamConsumerError(
      `${label}.${event.method}: @OnStreamEvent() beside @OnStreamBatch() on ${label}.${batch.method}, which takes every event: use one of the two`,
    );
  }
  const [other] = others;
  if (other !== undefined) {
    throw new DuplicateHandlerError(
      `${bothTake(`${label}.${batch.method}`, `${label}.${other.method}`)} whole batches: use @OnStreamBatch() once in a class`,
    );
  }
  return { handlers: new Map(), batch: bindBatchHandler(label, instance, batch.method, calls) };
}

/** For messages: `events of type 'order.created'`. */
export function typeForMessage(type: string | undefined): string {
  return type === undefined || type === CATCH_ALL
    ? 'every type that no other method takes'
    : `events of type '${type}'`;
}

function bindEventHandlers(
  label: string,
  instance: object,
  methods: readonly DecoratedMethod<StreamEventMetadata>[],
  calls: Calls,
): StreamHandlers {
  if (methods.length === 0) {
    throw new InvalidStreamConsumerError(
      `${label} is a @StreamConsumer() without any handler: put @OnStreamEvent() or @OnStreamBatch() on a method`,
    );
  }
  const handlers = new Map<string, StreamEventHandler>();
  for (const { method, metadata } of methods) {
    const handler = bindEventHandler(label, instance, method, calls);
    for (const type of readTypes(metadata, refuseOptions(`${handler.label}: @OnStreamEvent()`))) {
      const earlier = handlers.get(type);
      if (earlier !== undefined) {
        throw new DuplicateHandlerError(
          `${bothTake(earlier.label, handler.label)} ${typeForMessage(type)}: each type has one handler, named once`,
        );
      }
      handlers.set(type, handler);
    }
  }
  const catchAll = handlers.get(CATCH_ALL);
  handlers.delete(CATCH_ALL);
  return catchAll === undefined ? { handlers } : { handlers, catchAll };
}

/** A decorator that is twice on one method, or a type that is twice in its list, is a slip too. */
function bothTake(earlier: string, later: string): string {
  return earlier === later ? `${later} twice takes` : `${earlier} and ${later} both take`;
}

function readTypes(metadata: StreamEventMetadata, refuse: Refuse): readonly string[] {
  if (metadata === undefined) return [CATCH_ALL];
  if (!Array.isArray(metadata)) return [plainText(metadata, 'type', refuse)];
  if (metadata.length === 0) {
    return refuse('type', 'is an empty list: name a type, or leave it out for every type that no other method takes');
  }
  // not map(), which passes over the holes of an array
  return Array.from(metadata, (type, i) => plainText(type, `type[${i}]`, refuse));
}

function bindEventHandler(label: string, instance: object, method: string, calls: Calls): StreamEventHandler {
  const target = instance as Record<string, StreamEventHandler['run']>;
  // no bind() and no rest arguments: this runs once per event
  const run: StreamEventHandler['run'] = calls.get(method) ?? ((event, context) => target[method]!(event, context));
  return { label: `${label}.${method}`, run };
}

function bindBatchHandler(label: string, instance: object, method: string, calls: Calls): StreamBatchHandler {
  const target = instance as Record<string, StreamBatchHandler['run']>;
  const run: StreamBatchHandler['run'] = calls.get(method) ?? ((events, context) => target[method]!(events, context));
  return { label: `${label}.${method}`, run };
}
