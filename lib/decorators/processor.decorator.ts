import { applyDecorators, type InjectableOptions, SetMetadata } from '@nestjs/common';
import type { ProcessorOptions } from '../interfaces/processor-options.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { WorkerOptions } from '../interfaces/worker-options.interface.js';
import { injectable } from './injectable.js';
import { PROCESSOR_METADATA, type ProcessorMetadata } from './metadata.js';

/**
 * A provider whose `@Process()` methods, or whose `process()` if it extends `WorkerHost`, run the jobs of a queue.
 * Several classes may serve one queue, with different job names. A subclass inherits the decoration.
 *
 * @param queue its name, its contract, or an object with either and with the provider's scope. By its contract, the jobs are
 *   validated before their handlers.
 * @param worker how its jobs are run here; the module's `processors[queue]` wins over it, it over the module's `worker`.
 */
export function Processor(queue: string | QueueContract, worker?: WorkerOptions): ClassDecorator;
export function Processor(options: ProcessorOptions, worker?: WorkerOptions): ClassDecorator;
export function Processor(queue: string | ProcessorOptions | QueueContract, worker?: WorkerOptions): ClassDecorator {
  const metadata: ProcessorMetadata = { queue, worker };
  return applyDecorators(injectable(scopeOf(queue)), SetMetadata(PROCESSOR_METADATA, metadata));
}

function scopeOf(queue: unknown): InjectableOptions | undefined {
  if (typeof queue !== 'object' || queue === null) return undefined;
  const { scope, durable } = queue as ProcessorOptions;
  return scope === undefined ? undefined : { scope, ...(durable !== undefined && { durable }) };
}
