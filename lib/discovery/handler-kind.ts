import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import { InvalidStreamConsumerError } from '../errors/invalid-stream-consumer.error.js';

/** What jobs' handlers and events' handlers differ in, for what stands before them. */
export interface HandlerKind {
  /** There is a job: a context for it, and the decorators of parameters that get it. */
  readonly hasJob: boolean;
  /** What a parameter without a decorator should have. */
  readonly remedy: string;
  /** Raises the error of the kind. */
  refuse(message: string): never;
}

export const JOB_HANDLERS: HandlerKind = {
  hasJob: true,
  remedy: 'use @CurrentJob(), @JobData(), @JobSignal(), or one that createParamDecorator() makes',
  refuse(message) {
    throw new InvalidProcessorError(message);
  },
};

export const STREAM_HANDLERS: HandlerKind = {
  hasJob: false,
  remedy:
    'use one that createParamDecorator() makes, whose context.getArgByIndex(0) is the event or the batch, (1) the StreamContext',
  refuse(message) {
    throw new InvalidStreamConsumerError(message);
  },
};
