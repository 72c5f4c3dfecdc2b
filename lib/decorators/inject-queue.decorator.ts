import { Inject } from '@nestjs/common';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { getQueueToken } from '../utils/get-queue-token.js';

/**
 * Injects the `Queue` of a name, or the `TypedQueue` of a contract, that `PgQueueModule.registerQueue()` registered.
 *
 * @param database the one that it was registered for: of which `forRoot({ name })`. Default: the one without a name.
 */
export function InjectQueue(queue: string | QueueContract, database?: string): ParameterDecorator & PropertyDecorator {
  return Inject(getQueueToken(queue, database));
}
