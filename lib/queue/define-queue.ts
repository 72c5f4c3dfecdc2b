import { refuseOptions } from '../errors/invalid-options.error.js';
import type { JobSchemas, QueueContract } from '../interfaces/queue-contract.interface.js';
import { contract } from '../utils/queue-contract.js';

/**
 * A queue's contract: one value that its producers and its processors share. What is added through it is typed, and validated as
 * the JSON that will be stored; handlers get what the schema makes of that.
 *
 * @param name the queue's.
 * @param jobs by job name, a [Standard Schema](https://standardschema.dev) for its data: of zod, valibot, arktype or another.
 * @throws InvalidOptionsError
 */
export function defineQueue<const Name extends string, const Jobs extends JobSchemas>(
  name: Name,
  jobs: Jobs,
): QueueContract<Name, Jobs> {
  return contract({ name, jobs }, '', refuseOptions('defineQueue()')) as QueueContract<Name, Jobs>;
}
