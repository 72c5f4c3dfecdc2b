import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import type { ActiveJob } from '../queue/active-job.js';
import type { Job } from '../queue/job.js';
import type { JobRun } from './job-run.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { ResolvedWorkerOptions } from '../interfaces/worker-options.interface.js';

/** One bound handler: what runs a job. */
export interface JobHandler {
  /** `Class.method`, for messages. */
  readonly label: string;
  /** @param client of a transactional handler: the one that its transaction is on, where that is the module's. */
  run(job: ActiveJob, run: JobRun, client?: SqlExecutor): unknown;
  /** Milliseconds; a job's own timeout wins. */
  readonly timeout?: number;
  /** Whether it runs in a transaction in which its job completes. */
  readonly transactional?: boolean;
  /** What it gets is the contract's, for names that this has. */
  readonly contract?: QueueContract;
}

/** What `@OnWorkerEvent` methods of one class want to hear; each call is guarded by whoever calls. */
export interface WorkerListeners {
  readonly active: readonly ((job: Job) => unknown)[];
  readonly completed: readonly ((job: Job, result: unknown) => unknown)[];
  readonly failed: readonly ((job: Job, error: Error) => unknown)[];
  readonly stalled: readonly ((jobId: string) => unknown)[];
  readonly error: readonly ((error: Error) => unknown)[];
}

/** One processor class on one queue, as the runtime needs it: no Nest in here. */
export interface ProcessorDefinition {
  /** The class's name, for messages. */
  readonly label: string;
  readonly queue: string;
  readonly options: ResolvedWorkerOptions;
  /** By job name. */
  readonly handlers: ReadonlyMap<string, JobHandler>;
  /** Takes every name that no handler in this process takes. */
  readonly catchAll?: JobHandler;
  readonly listeners: WorkerListeners;
}

export function handlersOf({ handlers, catchAll }: ProcessorDefinition): JobHandler[] {
  return catchAll === undefined ? [...handlers.values()] : [...handlers.values(), catchAll];
}

/** The same processor with other handlers. */
export function withHandlers(
  definition: ProcessorDefinition,
  change: (handler: JobHandler) => JobHandler,
): ProcessorDefinition {
  const { handlers, catchAll } = definition;
  return {
    ...definition,
    handlers: new Map([...handlers].map(([name, handler]) => [name, change(handler)])),
    ...(catchAll === undefined ? {} : { catchAll: change(catchAll) }),
  };
}
