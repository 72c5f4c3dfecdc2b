import type { ProcessOptions } from '../interfaces/processor-options.interface.js';
import { PROCESS_METADATA, stackable, type ProcessMetadata } from './metadata.js';

/**
 * A method of a `@Processor()` class that runs jobs: it gets the `ActiveJob`; what it returns is the job's result.
 * Several of them on one method: it takes each of the names.
 *
 * @param name the job name it takes. Without one, or `'*'`: every name that no other method in this process takes.
 */
export function Process(name?: string | ProcessOptions): MethodDecorator {
  const metadata: ProcessMetadata = name;
  return stackable(PROCESS_METADATA, metadata);
}
