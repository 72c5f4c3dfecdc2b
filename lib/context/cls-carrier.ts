import type { Refuse } from '../utils/shape.js';
import type { ContextCarrier } from './context-carrier.interface.js';

/** As much of `ClsService` as is needed, whatever version is installed. */
interface Cls {
  isActive(): boolean;
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  runWith<T>(store: object, callback: () => T): T;
}

/**
 * Carries keys of nestjs-cls. The package is loaded here and nowhere else: it is an optional peer.
 *
 * @throws InvalidOptionsError when it is not installed.
 */
export async function loadClsCarrier(keys: readonly string[], refuse: Refuse): Promise<ContextCarrier> {
  const { ClsServiceManager } = await import('nestjs-cls').catch((cause: unknown) =>
    refuse('carry.cls', 'needs the package nestjs-cls: npm install nestjs-cls', { cause }),
  );
  return clsCarrier(ClsServiceManager.getClsService(), keys);
}

function clsCarrier(cls: Cls, keys: readonly string[]): ContextCarrier {
  return {
    name: 'cls',
    capture: () => {
      if (!cls.isActive()) return {};
      return Object.fromEntries(keys.map((key) => [key, cls.get(key)]).filter(([, value]) => value !== undefined));
    },
    // a store of its own: what the worker was started in is not the job's
    run: (carried, handler) =>
      cls.runWith({}, () => {
        for (const key of keys) if (carried[key] !== undefined) cls.set(key, carried[key]);
        return handler();
      }),
  };
}
