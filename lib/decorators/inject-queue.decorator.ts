import { Inject } from '@nestjs/common';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { getQueueToken } from '../utils/get-queue-token.js';

/** Injects the `Queue` of a name, or the `TypedQueue` of a contract, that `PgQueueModule.registerQueue()` registered. */
export function InjectQueue(queue: string | QueueContract): ParameterDecorator & PropertyDecorator {
  return Inject(getQueueToken(queue));
}
