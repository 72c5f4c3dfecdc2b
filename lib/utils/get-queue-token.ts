import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { isContract } from './queue-contract.js';

/**
 * The injection token of a registered queue: what `@InjectQueue()` injects; for `overrideProvider()` in tests.
 *
 * By a contract it is another one than by the name alone: what asks for a typed queue does not get one that nothing validates,
 * because somebody registered the queue without its contract.
 */
export function getQueueToken(queue: string | QueueContract): string {
  return isContract(queue) ? `PgQueueContract_${queue.name}` : `PgQueue_${queue}`;
}
