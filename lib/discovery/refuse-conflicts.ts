import { DuplicateHandlerError } from '../errors/duplicate-handler.error.js';
import type { JobHandler, ProcessorDefinition } from '../runtime/processor-definition.js';
import { nameForMessage } from './job-handlers.js';

/** @throws DuplicateHandlerError when handlers of two classes would take the same jobs of a queue. */
export function refuseConflicts(definitions: readonly ProcessorDefinition[]): void {
  const queues = new Map<string, Map<string | undefined, JobHandler>>();
  for (const { queue, handlers, catchAll } of definitions) {
    const taken = queues.get(queue) ?? new Map<string | undefined, JobHandler>();
    queues.set(queue, taken);
    for (const [name, handler] of handlers) take(queue, taken, name, handler);
    if (catchAll !== undefined) take(queue, taken, undefined, catchAll);
  }
}

function take(
  queue: string,
  taken: Map<string | undefined, JobHandler>,
  name: string | undefined,
  handler: JobHandler,
): void {
  const earlier = taken.get(name);
  if (earlier !== undefined) {
    throw new DuplicateHandlerError(
      `${earlier.label} and ${handler.label} both take ${nameForMessage(name)} of queue '${queue}': ` +
        `in one process each job has one handler; give one of them another name, or provide only one of the classes`,
    );
  }
  taken.set(name, handler);
}
