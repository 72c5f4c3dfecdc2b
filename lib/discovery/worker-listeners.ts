import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import type { WorkerListeners } from '../runtime/processor-definition.js';
import type { WorkerEventMetadata } from '../decorators/metadata.js';
import { describeValue } from '../utils/describe-value.js';
import { bindMethod } from './bind-method.js';
import type { DecoratedMethod } from './decorated-methods.js';

const EVENTS: readonly WorkerEventMetadata[] = ['active', 'completed', 'failed', 'stalled', 'error'];

/** @throws InvalidProcessorError for an event that no worker has. */
export function bindListeners(
  label: string,
  instance: object,
  methods: readonly DecoratedMethod<WorkerEventMetadata>[],
): WorkerListeners {
  for (const { method, metadata } of methods) {
    if (EVENTS.includes(metadata)) continue;
    const event = describeValue(metadata);
    throw new InvalidProcessorError(`${label}.${method}: @OnWorkerEvent(${event}): known are ${EVENTS.join(', ')}`);
  }
  const of = (event: WorkerEventMetadata): ((...args: unknown[]) => unknown)[] =>
    methods.filter(({ metadata }) => metadata === event).map(({ method }) => bindMethod(instance, method));
  return {
    active: of('active'),
    completed: of('completed'),
    failed: of('failed'),
    stalled: of('stalled'),
    error: of('error'),
  };
}
