import type { ResolvedStreamConsumerOptions } from '../../interfaces/stream-consumer-options.interface.js';
import type { JobHandler, ProcessorDefinition } from '../processor-definition.js';
import { eventOfRun, eventsOfRun } from './consumed-event.js';
import { ConsumerContext } from './consumer-context.js';
import type { StreamConsumerDefinition, StreamEventHandler } from './stream-consumer-definition.js';

/** A consumer group in this process: how it reads its stream, and what its events are run by. */
export interface GroupDefinition {
  readonly stream: string;
  readonly group: string;
  readonly options: ResolvedStreamConsumerOptions;
  /** Whether a batch is one run. */
  readonly whole: boolean;
  readonly processor: ProcessorDefinition;
}

const NO_LISTENERS = { active: [], completed: [], failed: [], stalled: [], error: [] };

/** The queue under whose name the log keeps a group: no queue of a user's has a control character in its name. */
export const groupQueue = (stream: string, group: string): string => `${stream}\u001f${group}`;

/** The classes of each group together are its processor: events are run as jobs are, by their type. */
export function groupProcessors(definitions: readonly StreamConsumerDefinition[]): GroupDefinition[] {
  const groups = new Map<string, StreamConsumerDefinition[]>();
  for (const definition of definitions) {
    const queue = groupQueue(definition.stream, definition.group);
    groups.set(queue, [...(groups.get(queue) ?? []), definition]);
  }
  return [...groups].map(([queue, its]) => groupProcessor(queue, its));
}

function groupProcessor(queue: string, definitions: readonly StreamConsumerDefinition[]): GroupDefinition {
  const [{ stream, group, options }] = definitions as [StreamConsumerDefinition];
  const bind = (handler: StreamEventHandler): JobHandler => ({
    label: handler.label,
    run: (_job, of) => handler.run(eventOfRun(stream, of.claimed), new ConsumerContext(group, of)),
  });
  const handlers = new Map<string, JobHandler>();
  for (const { handlers: own } of definitions) for (const [type, handler] of own) handlers.set(type, bind(handler));
  const batch = definitions.find((one) => one.batch !== undefined)?.batch;
  const rest = definitions.find((one) => one.catchAll !== undefined)?.catchAll;
  const catchAll: JobHandler =
    batch !== undefined
      ? {
          label: batch.label,
          run: (_job, of) => batch.run(eventsOfRun(stream, of.claimed), new ConsumerContext(group, of)),
        }
      : rest !== undefined
        ? bind(rest)
        : nobody(group, stream, options);
  return {
    stream,
    group,
    options,
    whole: batch !== undefined,
    processor: {
      label: definitions.map(({ label }) => label).join(', '),
      queue,
      options: {
        concurrency: options.concurrency,
        pollInterval: options.pollInterval,
        shutdownTimeout: options.shutdownTimeout,
        backoff: { type: 'fixed', delay: options.retryDelay },
        maxStalledCount: options.maxStalledCount,
      },
      handlers,
      catchAll,
      listeners: NO_LISTENERS,
    },
  };
}

/** An event that no method takes. */
function nobody(group: string, stream: string, { unhandled }: ResolvedStreamConsumerOptions): JobHandler {
  return {
    label: `group '${group}' of stream '${stream}'`,
    run({ name }) {
      if (unhandled === 'ack') return;
      throw new Error(
        `No method of group '${group}' takes events of type '${name}': write an @OnStreamEvent() for it, or say unhandled: 'ack'`,
      );
    },
  };
}
