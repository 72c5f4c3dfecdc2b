import type { AsyncLocalStorage } from 'node:async_hooks';
import type { ContextCarrier } from './context-carrier.interface.js';

/** Carries what an application's own `AsyncLocalStorage`s hold. */
export function storeCarrier(stores: Readonly<Record<string, AsyncLocalStorage<unknown>>>): ContextCarrier {
  const named = Object.entries(stores);
  return {
    name: 'stores',
    capture: () =>
      Object.fromEntries(
        named.map(([name, store]) => [name, store.getStore()]).filter(([, value]) => value !== undefined),
      ),
    run: (carried, handler) =>
      named.reduce<() => ReturnType<typeof handler>>(
        (inner, [name, store]) =>
          () =>
            store.run(carried[name], inner),
        handler,
      )(),
  };
}
