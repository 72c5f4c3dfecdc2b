import type { ResolvedStreamConsumerOptions } from '../../interfaces/stream-consumer-options.interface.js';
import type {
  StreamBatchHandler,
  StreamConsumerDefinition,
  StreamEventHandler,
} from '../streams/stream-consumer-definition.js';

/** A consumer of PgQue in this process: its classes together. */
export interface PgqueGroup {
  readonly queue: string;
  readonly consumer: string;
  /** The classes' names, for messages. */
  readonly label: string;
  readonly options: ResolvedStreamConsumerOptions;
  /** The most deliveries, where a class says it: the queue's setting decides. */
  readonly attempts: number | undefined;
  readonly handlers: ReadonlyMap<string, StreamEventHandler>;
  readonly catchAll: StreamEventHandler | undefined;
  readonly batch: StreamBatchHandler | undefined;
}

export function pgqueGroups(definitions: readonly StreamConsumerDefinition[]): PgqueGroup[] {
  const groups = new Map<string, StreamConsumerDefinition[]>();
  for (const definition of definitions) {
    const key = JSON.stringify([definition.stream, definition.group]);
    groups.set(key, [...(groups.get(key) ?? []), definition]);
  }
  return [...groups.values()].map(pgqueGroup);
}

function pgqueGroup(classes: readonly StreamConsumerDefinition[]): PgqueGroup {
  const [{ stream, group, options }] = classes as [StreamConsumerDefinition];
  return {
    queue: stream,
    consumer: group,
    label: classes.map(({ label }) => label).join(', '),
    options,
    attempts: classes.find(({ said }) => said.attempts !== undefined)?.said.attempts,
    handlers: new Map(classes.flatMap(({ handlers }) => [...handlers])),
    catchAll: classes.find(({ catchAll }) => catchAll !== undefined)?.catchAll,
    batch: classes.find(({ batch }) => batch !== undefined)?.batch,
  };
}
