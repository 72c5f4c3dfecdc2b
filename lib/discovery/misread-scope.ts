import { Scope } from '@nestjs/common';
import type { InstanceWrapper } from './nest-internals.js';

/**
 * What makes a provider request-scoped that Nest takes for a singleton, if there is any. Releases of Nest 11 look at it before they
 * know what its guards and the like inject, and keep what they saw: such a guard would run with dependencies that were never made.
 */
export function misreadScope(wrapper: InstanceWrapper): InstanceWrapper | undefined {
  return wrapper.isDependencyTreeStatic() ? requestScopedIn(wrapper, new Set()) : undefined;
}

function requestScopedIn(wrapper: InstanceWrapper, seen: Set<InstanceWrapper>): InstanceWrapper | undefined {
  if (wrapper.scope === Scope.REQUEST) return wrapper;
  if (seen.has(wrapper)) return undefined;
  seen.add(wrapper);
  const properties = (wrapper.getPropertiesMetadata() ?? []).map((one) => one.wrapper);
  const parts = [...(wrapper.getCtorMetadata() ?? []), ...properties, ...(wrapper.getEnhancersMetadata() ?? [])];
  for (const part of parts) {
    const found = requestScopedIn(part, seen);
    if (found !== undefined) return found;
  }
  return undefined;
}
