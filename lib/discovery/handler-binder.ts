import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, type ContextId, ModulesContainer } from '@nestjs/core';
import type { ResolvedModuleOptions } from '../interfaces/resolved-module-options.interface.js';
import type { ActiveJob } from '../queue/active-job.js';
import { PG_QUEUE_OPTIONS } from '../utils/tokens.js';
import { bindMethod } from './bind-method.js';
import type { Call, Calls } from './calls.js';
import type { Candidate } from './candidate.js';
import { type Declared, readDeclared } from './declared-enhancers.js';
import { GlobalEnhancers } from './global-enhancers.js';
import { HandlerContextCreator } from './handler-context-creator.js';
import type { HandlerKind } from './handler-kind.js';
import { JobScope } from './job-scope.js';

/**
 * Binds handlers to what stands before them: guards, interceptors, pipes and filters, decorated parameters, and an
 * instance of their class for each job.
 *
 * - A method with none of these is left alone: a call of it costs what a call costs.
 * - What could not do what it says is refused, with class and method.
 */
@Injectable()
export class HandlerBinder {
  readonly #modules: ModulesContainer;
  readonly #globals: GlobalEnhancers;

  constructor(
    modules: ModulesContainer,
    application: ApplicationConfig,
    @Inject(PG_QUEUE_OPTIONS) { inheritAppConfig }: Pick<ResolvedModuleOptions, 'inheritAppConfig'>,
  ) {
    this.#modules = modules;
    this.#globals = new GlobalEnhancers(application, inheritAppConfig);
  }

  /** @throws the error of its `kind`; InvalidOptionsError */
  bind(candidate: Candidate, methods: readonly string[], kind: HandlerKind): Calls {
    const calls = new Map<string, Call>();
    for (const [method, declared] of readDeclared(candidate, methods, kind)) {
      const call = this.#call(candidate, method, declared, kind);
      if (call !== undefined) calls.set(method, call);
    }
    return calls;
  }

  #call(candidate: Candidate, method: string, declared: Declared, kind: HandlerKind): Call | undefined {
    const { instance, isStatic, wrapper } = candidate;
    const { piped } = declared;
    const globals = this.#globals;
    const scope = new JobScope(wrapper);
    if (!declared.enhanced && !globals.areBefore(piped)) {
      return isStatic
        ? undefined
        : async (job: ActiveJob, ...more) => bindMethod(await scope.instanceFor(job), method)(job, ...more);
    }
    const filters = declared.filtered || globals.hasFilters;
    const creator = (config: ApplicationConfig): HandlerContextCreator =>
      new HandlerContextCreator(this.#modules, config, wrapper.host!.token);
    const perJob = globals.perJob(piped);
    if (perJob !== undefined) {
      if (!kind.hasJob) {
        kind.refuse(
          `${candidate.type.name}.${method}: with inheritAppConfig, the global ${perJob.name} would stand before it, which is ` +
            `request-scoped or transient, and an event is no request: make it a singleton`,
        );
      }
      return async (job: ActiveJob, ...more) => {
        const contextId = scope.contextOf(job);
        const enhancers = creator(await globals.inContext(contextId));
        return isStatic
          ? enhancers.through(instance, method, { filters, hostId: wrapper.id })(job, ...more)
          : enhancers.through(await scope.instanceFor(job), method, { filters, hostId: wrapper.id, contextId })(
              job,
              ...more,
            );
      };
    }
    const enhancers = creator(globals.shared());
    const through = (own: object, contextId?: ContextId): Call =>
      enhancers.through(own, method, { filters, hostId: wrapper.id, contextId });
    if (isStatic) return through(instance);
    return async (job: ActiveJob, ...more) => through(await scope.instanceFor(job), scope.contextOf(job))(job, ...more);
  }
}
