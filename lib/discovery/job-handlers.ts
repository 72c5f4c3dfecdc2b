import { WorkerHost } from '../decorators/worker-host.js';
import { ContractProcess, type ProcessMetadata } from '../decorators/metadata.js';
import { DuplicateHandlerError } from '../errors/duplicate-handler.error.js';
import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import type { ActiveJob } from '../queue/active-job.js';
import type { JobHandler } from '../runtime/processor-definition.js';
import { bool, text, timer } from '../utils/checks.js';
import { readShape, type Refuse, type Shape } from '../utils/shape.js';
import type { Calls } from './calls.js';
import type { DecoratedMethod } from './decorated-methods.js';
import { contractOf, type ProcessorQueue, readContractOptions, underContract } from './handler-contract.js';

/** What a class handles: by name, and everything else. */
export interface JobHandlers {
  readonly handlers: ReadonlyMap<string, JobHandler>;
  readonly catchAll?: JobHandler;
}

interface ReadProcessOptions {
  name: string;
  timeout: number;
  transactional: boolean;
}

const CATCH_ALL = '*';
const PROCESS_OPTIONS: Shape<ReadProcessOptions> = { name: text, timeout: timer, transactional: bool };

/**
 * Binds the handlers of one class: to its instance, and those in `calls` to what stands before them.
 *
 * @throws InvalidProcessorError for a class without any, or with two ways of handling
 * @throws DuplicateHandlerError for two methods that would take the same jobs
 * @throws InvalidOptionsError for options of `@Process()` that cannot be used
 */
export function bindHandlers(
  label: string,
  instance: object,
  methods: readonly DecoratedMethod<ProcessMetadata>[],
  processor: ProcessorQueue,
  calls: Calls,
): JobHandlers {
  if (instance instanceof WorkerHost) {
    refuseBothWays(label, methods);
    const host = bindHandler(`${label}.process`, instance, 'process', {}, calls);
    return { handlers: new Map(), catchAll: underContract(host, processor.contract) };
  }
  if (methods.length === 0) {
    throw new InvalidProcessorError(
      `${label} is a @Processor() without any handler: put @Process() on a method, or extend WorkerHost and write process(job)`,
    );
  }
  const handlers = new Map<string, JobHandler>();
  for (const { method, metadata } of methods) {
    const { name = CATCH_ALL, ...options } = readProcess(metadata, refuseOptions(`${label}.${method}: @Process()`));
    const bound = bindHandler(`${label}.${method}`, instance, method, options, calls);
    const taken = name === CATCH_ALL ? undefined : name;
    const handler = underContract(bound, contractOf(bound.label, taken, metadata, processor));
    const earlier = handlers.get(name);
    if (earlier !== undefined) {
      throw new DuplicateHandlerError(
        `${earlier.label} and ${handler.label} both take ${nameForMessage(name)}: give one of them another name`,
      );
    }
    handlers.set(name, handler);
  }
  const catchAll = handlers.get(CATCH_ALL);
  handlers.delete(CATCH_ALL);
  return catchAll === undefined ? { handlers } : { handlers, catchAll };
}

/** For messages: `jobs named 'welcome'`. */
export function nameForMessage(name: string | undefined): string {
  return name === undefined || name === CATCH_ALL ? 'every name that no other method takes' : `jobs named '${name}'`;
}

function readProcess(metadata: ProcessMetadata, refuse: Refuse): Partial<ReadProcessOptions> {
  if (metadata === undefined) return {};
  if (metadata instanceof ContractProcess) {
    const { name, options } = metadata;
    // whether it is one is the contract's to say
    return { ...readContractOptions(options, refuse), ...(typeof name === 'string' && { name }) };
  }
  return typeof metadata === 'object' && metadata !== null
    ? readShape(metadata, '', PROCESS_OPTIONS, refuse)
    : { name: text(metadata, 'name', refuse) };
}

function refuseBothWays(label: string, methods: readonly DecoratedMethod<unknown>[]): void {
  const [other] = methods;
  if (other !== undefined) {
    throw new InvalidProcessorError(
      `${label}.${other.method}: @Process() in a class that extends WorkerHost, whose process() takes every job: use one of the two`,
    );
  }
}

function bindHandler(
  label: string,
  instance: object,
  method: string,
  options: Omit<Partial<ReadProcessOptions>, 'name'>,
  calls: Calls,
): JobHandler {
  const target = instance as Record<string, (job: ActiveJob, client?: SqlExecutor) => unknown>;
  const call = calls.get(method) ?? ((job: ActiveJob, client?: SqlExecutor) => target[method]!(job, client));
  // no bind() and no rest arguments: this runs once per job; and a handler without a transaction gets the job alone
  const direct: JobHandler['run'] = calls.has(method) ? (job) => call(job) : (job) => target[method]!(job);
  const run: JobHandler['run'] = options.transactional === true ? (job, _, client) => call(job, client) : direct;
  return { label, run, ...options };
}
