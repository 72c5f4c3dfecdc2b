import { type ContextId, ContextIdFactory, ModuleRef } from '@nestjs/core';
import type { Job } from '../queue/job.js';
import { type InstanceWrapper, REQUEST_CONTEXT_ID } from './nest-internals.js';

/** The ModuleRef of the module that a provider is of: others may have one under the same token. */
export function moduleRefOf({ host }: InstanceWrapper): ModuleRef {
  return host!.getProviderByKey<ModuleRef>(ModuleRef).instance;
}

/**
 * Where a processor's own instance for a job comes from.
 *
 * - A context belongs to one attempt of a job. It hangs on the `ActiveJob`, where `ContextIdFactory.getByRequest(job)` finds
 *   it, and Nest holds it weakly: with the job it goes, and with it all that was made for it.
 * - A durable processor's instances hang on what the application's strategy returns; they get its payload, never a job.
 */
export class JobScope {
  readonly #wrapper: InstanceWrapper;
  readonly #moduleRef: ModuleRef;
  readonly #isDurable: boolean;

  constructor(wrapper: InstanceWrapper) {
    this.#wrapper = wrapper;
    this.#moduleRef = moduleRefOf(wrapper);
    this.#isDurable = wrapper.isDependencyTreeDurable();
  }

  contextOf(job: Job): ContextId {
    const contextId = ContextIdFactory.getByRequest(job);
    if (Object.hasOwn(job, REQUEST_CONTEXT_ID)) return contextId;
    Object.defineProperty(job, REQUEST_CONTEXT_ID, { value: contextId });
    // without a strategy nothing is shared: the context is the job's
    const isShared = this.#isDurable && contextId.getParent !== undefined;
    this.#moduleRef.registerRequestByContextId(isShared ? contextId.payload : job, contextId);
    return contextId;
  }

  async instanceFor(job: Job): Promise<object> {
    return this.#moduleRef.resolve<object>(this.#wrapper.token, this.contextOf(job));
  }
}
