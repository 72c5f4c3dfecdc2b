import type { ProcessOptions } from '../interfaces/processor-options.interface.js';
import type { JobName, JobOf, QueueContract } from '../interfaces/queue-contract.interface.js';
import { isContract } from '../utils/queue-contract.js';
import { ContractProcess, PROCESS_METADATA, stackable, type ProcessMetadata } from './metadata.js';

/** On a method that takes such a job, or takes nothing. */
type HandlerDecorator<J> = <Method extends (job: J, ...rest: never[]) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

/** By the queue's contract: the method gets a `JobOf<typeof contract, name>`, whose data is what the schema made of it. */
export function Process<C extends QueueContract, K extends JobName<C>>(
  contract: C,
  name: K,
  options?: Omit<ProcessOptions, 'name'>,
): HandlerDecorator<JobOf<C, K>>;
/**
 * A method of a `@Processor()` class that runs jobs: it gets the `ActiveJob`; what it returns is the job's result.
 * Several of them on one method: it takes each of the names.
 *
 * @param name the job name it takes. Without one, or `'*'`: every name that no other method in this process takes.
 */
export function Process(name?: string | (ProcessOptions & { readonly jobs?: never })): MethodDecorator;
export function Process(of?: string | ProcessOptions | QueueContract, ...rest: unknown[]): MethodDecorator {
  const [name, options] = rest;
  // by the number of arguments, too: a contract that is imported in a circle is undefined here, and must not become every name
  const metadata: ProcessMetadata = isContract(of) || rest.length > 0 ? new ContractProcess(of, name, options) : of;
  return stackable(PROCESS_METADATA, metadata);
}
