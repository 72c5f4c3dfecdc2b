import { DuplicateHandlerError } from '../errors/duplicate-handler.error.js';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import type { ResolvedStreamConsumerOptions } from '../interfaces/stream-consumer-options.interface.js';
import type { StreamConsumerDefinition } from '../runtime/streams/stream-consumer-definition.js';
import { describeValue } from '../utils/describe-value.js';
import { typeForMessage } from './stream-handlers.js';

/**
 * Compares the classes of each group.
 *
 * - They have the same options: a group reads in one way, and which of two was meant nobody can tell.
 * - Each event has one handler; whole batches leave nothing to others.
 *
 * @throws InvalidOptionsError, DuplicateHandlerError
 */
export function refuseStreamConflicts(definitions: readonly StreamConsumerDefinition[]): void {
  const groups = new Map<string, StreamConsumerDefinition[]>();
  for (const definition of definitions) {
    const key = JSON.stringify([definition.stream, definition.group]);
    const others = groups.get(key) ?? [];
    groups.set(key, others);
    for (const other of others) {
      refuseOtherOptions(other, definition);
      refuseBatchBeside(other, definition);
      refuseSharedTypes(other, definition);
    }
    others.push(definition);
  }
}

function refuseOtherOptions(earlier: StreamConsumerDefinition, later: StreamConsumerDefinition): void {
  const names = Object.keys(earlier.options) as (keyof ResolvedStreamConsumerOptions)[];
  const differing = names.filter((name) => earlier.options[name] !== later.options[name]);
  const [first] = differing;
  if (first === undefined) return;
  const values = differing.map(
    (name) => `${name} is ${describeValue(earlier.options[name])} and ${describeValue(later.options[name])}`,
  );
  throw new InvalidOptionsError(
    first,
    `${earlier.label} and ${later.label}: @StreamConsumer(): ${values.join('; ')}: all classes of ${groupForMessage(later)} read it ` +
      `alike; say the same in both (what is left out is its default), or give one of them another group`,
  );
}

function refuseBatchBeside(earlier: StreamConsumerDefinition, later: StreamConsumerDefinition): void {
  const batch = later.batch ?? earlier.batch;
  if (batch === undefined) return;
  const other = batch === later.batch ? earlier : later;
  throw new DuplicateHandlerError(
    `${batch.label} takes whole batches, and ${other.label} consumes too, both for ${groupForMessage(later)}: ` +
      `@OnStreamBatch() leaves nothing to others; give one of them another group, or provide only one of the classes`,
  );
}

function refuseSharedTypes(earlier: StreamConsumerDefinition, later: StreamConsumerDefinition): void {
  const shared = [...later.handlers.keys()].find((type) => earlier.handlers.has(type));
  const one = shared === undefined ? earlier.catchAll : earlier.handlers.get(shared);
  const two = shared === undefined ? later.catchAll : later.handlers.get(shared);
  if (one === undefined || two === undefined) return;
  throw new DuplicateHandlerError(
    `${one.label} and ${two.label} both take ${typeForMessage(shared)} for ${groupForMessage(later)}: in one process each event ` +
      `of a group has one handler; give one of them another type or group, or provide only one of the classes`,
  );
}

function groupForMessage({ group, stream }: StreamConsumerDefinition): string {
  return `group '${group}' of stream '${stream}'`;
}
