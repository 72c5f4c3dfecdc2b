import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { databaseToken } from './database-tokens.js';
import { isContract } from './queue-contract.js';

/**
 * The injection token of a registered queue: what `@InjectQueue()` injects; for `overrideProvider()` in tests.
 *
 * By a contract it is another one than by the name alone: what asks for a typed queue does not get one that nothing validates,
 * because somebody registered the queue without its contract.
 *
 * @param database of which `forRoot({ name })`; default: of the one without a name.
 */
export function getQueueToken(queue: string | QueueContract, database?: string): string {
  const token = isContract(queue) ? `PgQueueContract_${queue.name}` : `PgQueue_${queue}`;
  return database === undefined ? token : databaseToken(token, database);
}
