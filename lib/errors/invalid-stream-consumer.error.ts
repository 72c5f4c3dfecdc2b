import { PgQueueError } from './pg-queue.error.js';

/** A class or method decorated to consume a stream that could never do so as it is written. Raised at startup. */
export class InvalidStreamConsumerError extends PgQueueError {
  readonly code = 'PGQUEUE_INVALID_STREAM_CONSUMER';
}
