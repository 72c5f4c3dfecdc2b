import { applyDecorators } from '@nestjs/common';
import type { StreamConsumerOptions } from '../interfaces/stream-consumer-options.interface.js';
import { injectable } from './injectable.js';
import { stackableOnClass, STREAM_CONSUMER_METADATA, type StreamConsumerMetadata } from './metadata.js';

/**
 * A provider whose `@OnStreamEvent()` methods, or whose `@OnStreamBatch()` method, handle the events of a stream for a
 * consumer group. Several classes may serve one group, with different types. A subclass inherits the decoration.
 *
 * @param stream its name: 1 to 200 characters, none of them a control character; on PgQue a queue's, at most 57 bytes.
 * @param options the group, and how it reads.
 */
export function StreamConsumer(stream: string, options: StreamConsumerOptions): ClassDecorator {
  const metadata: StreamConsumerMetadata = { stream, options };
  return applyDecorators(injectable(), stackableOnClass(STREAM_CONSUMER_METADATA, metadata));
}
