import type { WorkerEventMap } from '../interfaces/worker-events.interface.js';
import { stackable, WORKER_EVENT_METADATA, type WorkerEventMetadata } from './metadata.js';

/** On a method of a `@Processor()` class: hears what this process's worker did. What it throws is logged and goes no further. */
export function OnWorkerEvent(event: keyof WorkerEventMap): MethodDecorator {
  const metadata: WorkerEventMetadata = event;
  return stackable(WORKER_EVENT_METADATA, metadata);
}
