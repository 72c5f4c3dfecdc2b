import type { AsyncLocalStorage } from 'node:async_hooks';

/** What of the context around `add()` a job takes along to its handler; of everything else a handler sees nothing. */
export interface CarryOptions {
  /**
   * Keys of the store of `nestjs-cls`, as `tenantId` or `user.id`, which has to be installed: what `ClsService.get()` says of
   * them at `add()` it says in the handler. Handlers then have a store of their own, also those of jobs that bring nothing.
   */
  cls?: readonly string[];
  /** Stores of `AsyncLocalStorage`, by a name under which they are stored: what `getStore()` returns at `add()` it returns in the handler. */
  stores?: Readonly<Record<string, AsyncLocalStorage<any>>>;
}
