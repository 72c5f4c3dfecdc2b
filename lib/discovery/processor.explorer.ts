import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { WorkerHost } from '../decorators/worker-host.js';
import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import type { ResolvedModuleOptions } from '../interfaces/resolved-module-options.interface.js';
import type { ProcessorDefinition } from '../runtime/processor-definition.js';
import { DATABASE, PG_QUEUE_OPTIONS } from '../utils/tokens.js';
import { type Database, refuseUnknownDatabase } from './databases.js';
import { findCandidates, type Candidate } from './candidate.js';
import { findDecoratedMethods, type DecoratedMethods } from './decorated-methods.js';
import { HandlerBinder } from './handler-binder.js';
import { JOB_HANDLERS } from './handler-kind.js';
import { bindHandlers } from './job-handlers.js';
import { isProcessor, readProcessor } from './processor-metadata.js';
import { refuseConflicts } from './refuse-conflicts.js';
import { bindListeners } from './worker-listeners.js';
import { resolveWorkerOptions } from './worker-options.js';

/**
 * Finds the application's processors of one database and binds their methods.
 *
 * - What is decorated runs or is refused, with class and method: nothing is ignored.
 * - Worker options: the defaults, then the module's `worker`, then `@Processor()`'s, then the module's `processors[queue]`.
 */
@Injectable()
export class ProcessorExplorer {
  readonly #discovery: DiscoveryService;
  readonly #scanner: MetadataScanner;
  readonly #binder: HandlerBinder;
  readonly #modules: ModulesContainer;
  readonly #database: string | undefined;
  readonly #options: Pick<ResolvedModuleOptions, 'worker' | 'processors'>;

  constructor(
    discovery: DiscoveryService,
    scanner: MetadataScanner,
    binder: HandlerBinder,
    modules: ModulesContainer,
    @Inject(DATABASE) { name }: Database,
    @Inject(PG_QUEUE_OPTIONS) options: Pick<ResolvedModuleOptions, 'worker' | 'processors'>,
  ) {
    this.#discovery = discovery;
    this.#scanner = scanner;
    this.#binder = binder;
    this.#modules = modules;
    this.#database = name;
    this.#options = options;
  }

  /** @throws InvalidProcessorError, DuplicateHandlerError, InvalidOptionsError */
  explore(): ProcessorDefinition[] {
    const definitions = findCandidates(this.#discovery).flatMap((candidate) => this.#define(candidate) ?? []);
    refuseConflicts(definitions);
    return definitions;
  }

  #define(candidate: Candidate): ProcessorDefinition | undefined {
    const { type, instance, wrapper } = candidate;
    const methods = findDecoratedMethods(this.#scanner, type.prototype);
    if (!isProcessor(type)) return refuseStrays(type.name, type.prototype, methods);
    const processor = readProcessor(type);
    const { queue, worker, database } = processor;
    refuseUnknownDatabase(`${type.name}: @Processor()`, database, this.#modules);
    if (database !== this.#database) return undefined;
    if (wrapper.isTransient) {
      throw new InvalidProcessorError(
        `${type.name} is transient, and nobody injects a processor: leave its scope out, or say Scope.REQUEST for an instance for each job`,
      );
    }
    const configured = Object.hasOwn(this.#options.processors, queue) ? this.#options.processors[queue]! : {};
    const handlers = instance instanceof WorkerHost ? ['process'] : methods.process.map(({ method }) => method);
    const calls = this.#binder.bind(candidate, handlers, JOB_HANDLERS);
    return {
      label: type.name,
      queue,
      options: resolveWorkerOptions(this.#options.worker, worker, configured),
      ...bindHandlers(type.name, instance, methods.process, processor, calls),
      listeners: bindListeners(candidate, methods.events),
    };
  }
}

/** What looks like a processor and is none would never run. */
function refuseStrays(label: string, prototype: object, { process, events }: DecoratedMethods): undefined {
  const stray = process[0] ?? events[0];
  const what = stray === process[0] ? '@Process()' : '@OnWorkerEvent()';
  if (stray !== undefined) {
    throw new InvalidProcessorError(
      `${label}.${stray.method}: ${what} in a class that is no processor: put @Processor('queue') on ${label}`,
    );
  }
  if (prototype instanceof WorkerHost) {
    throw new InvalidProcessorError(`${label} extends WorkerHost and is no processor: put @Processor('queue') on it`);
  }
  return undefined;
}
