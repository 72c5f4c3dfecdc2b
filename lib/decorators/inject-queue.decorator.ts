import { Inject } from '@nestjs/common';
import { getQueueToken } from '../utils/get-queue-token.js';

/** Injects the `Queue` of a name that `PgQueueModule.registerQueue()` registered. */
export function InjectQueue(name: string): ParameterDecorator & PropertyDecorator {
  return Inject(getQueueToken(name));
}
