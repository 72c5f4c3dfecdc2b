import type { Type } from '@nestjs/common';
import { STREAM_CONSUMER_METADATA, type StreamConsumerMetadata } from '../decorators/metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import { InvalidStreamConsumerError } from '../errors/invalid-stream-consumer.error.js';
import type { ResolvedStreamConsumerOptions } from '../interfaces/stream-consumer-options.interface.js';
import { plainText } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { readShape, type Shape } from '../utils/shape.js';
import { STREAM_CONSUMER_OPTIONS } from './stream-consumer-options.js';

/** What a class's `@StreamConsumer()` says, checked. */
export interface ReadStreamConsumer {
  readonly stream: string;
  readonly group: string;
  /** Of which `forRoot({ name })`. */
  readonly database?: string;
  readonly options: Partial<ResolvedStreamConsumerOptions>;
}

const OPTIONS: Shape<ResolvedStreamConsumerOptions & { group: string; database: string }> = {
  group: plainText,
  database: plainText,
  ...STREAM_CONSUMER_OPTIONS,
};

/** A subclass is what its parent is, unless it brings its own decoration. */
export function isStreamConsumer(type: Type): boolean {
  return Reflect.hasMetadata(STREAM_CONSUMER_METADATA, type);
}

/** @throws InvalidStreamConsumerError, InvalidOptionsError */
export function readStreamConsumer(type: Type): ReadStreamConsumer {
  const [metadata, another]: [StreamConsumerMetadata, StreamConsumerMetadata?] = Reflect.getMetadata(
    STREAM_CONSUMER_METADATA,
    type,
  );
  if (another !== undefined) {
    throw new InvalidStreamConsumerError(
      `${type.name} has two @StreamConsumer(), for ${describeValue(metadata.stream)} and ${describeValue(another.stream)}: ` +
        `a class reads one stream for one group; write a class for each, which may extend this one`,
    );
  }
  const refuse = refuseOptions(`${type.name}: @StreamConsumer()`);
  const stream = plainText(metadata.stream, 'stream', refuse);
  const { group, database, ...options } = readShape(metadata.options, '', OPTIONS, refuse);
  if (group === undefined) {
    return refuse('group', `is missing: name the group whose place in the stream is kept, as { group: 'billing' }`);
  }
  return { stream, group, ...(database !== undefined && { database }), options };
}
