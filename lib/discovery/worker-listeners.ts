import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import type { WorkerListeners } from '../runtime/processor-definition.js';
import type { WorkerEventMetadata } from '../decorators/metadata.js';
import { describeValue } from '../utils/describe-value.js';
import type { Job } from '../queue/job.js';
import { bindMethod } from './bind-method.js';
import type { Candidate } from './candidate.js';
import type { DecoratedMethod } from './decorated-methods.js';
import { JobScope } from './job-scope.js';

const EVENTS: readonly WorkerEventMetadata[] = ['active', 'completed', 'failed', 'stalled', 'error'];

/** Those that tell of a job: only these have a context. */
const WITH_JOB: ReadonlySet<WorkerEventMetadata> = new Set(['active', 'completed', 'failed']);

/** @throws InvalidProcessorError for an event that no worker has, or one that a request-scoped class cannot hear. */
export function bindListeners(
  candidate: Candidate,
  methods: readonly DecoratedMethod<WorkerEventMetadata>[],
): WorkerListeners {
  for (const { method, metadata } of methods) refuseUnheard(candidate, method, metadata);
  const bind = listenerOf(candidate);
  const of = (event: WorkerEventMetadata): ((...args: any[]) => unknown)[] =>
    methods.filter(({ metadata }) => metadata === event).map(({ method }) => bind(method));
  return {
    active: of('active'),
    completed: of('completed'),
    failed: of('failed'),
    stalled: of('stalled'),
    error: of('error'),
  };
}

function refuseUnheard({ type, isStatic }: Candidate, method: string, event: WorkerEventMetadata): void {
  const where = `${type.name}.${method}: @OnWorkerEvent(${describeValue(event)})`;
  if (!EVENTS.includes(event)) throw new InvalidProcessorError(`${where}: known are ${EVENTS.join(', ')}`);
  if (isStatic || WITH_JOB.has(event)) return;
  throw new InvalidProcessorError(
    `${where} in a request-scoped processor, whose instances are there for a job, which this event does not have: ` +
      `hear it in a processor of this queue that is a singleton`,
  );
}

/** A request-scoped processor hears of a job on the instance that runs it. */
function listenerOf({ wrapper, instance, isStatic }: Candidate): (method: string) => (...args: any[]) => unknown {
  if (isStatic) return (method) => bindMethod(instance, method);
  const scope = new JobScope(wrapper);
  return (method) =>
    async (job: Job, ...rest: unknown[]) =>
      bindMethod(await scope.instanceFor(job), method)(job, ...rest);
}
