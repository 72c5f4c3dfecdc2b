import type { Type } from '@nestjs/common';
import type { DiscoveryService } from '@nestjs/core';
import type { InstanceWrapper } from './nest-internals.js';

/** A provider or controller whose class is known. */
export interface Candidate {
  readonly type: Type;
  /** For a provider that is not static, Nest's prototype of it: not to be called. */
  readonly instance: object;
  /** One instance for the whole application: neither request-scoped, by itself or by a dependency or an enhancer, nor transient. */
  readonly isStatic: boolean;
  /** Nest's own record of it. */
  readonly wrapper: InstanceWrapper;
}

/** Every provider and controller that is an instance of a class: by class, factory, value or custom token; each class once. */
export function findCandidates(discovery: DiscoveryService): Candidate[] {
  const byType = new Map<Type, Candidate>();
  for (const wrapper of [...discovery.getProviders(), ...discovery.getControllers()]) {
    const candidate = wrapper.isAlias ? undefined : toCandidate(wrapper);
    // a class provided in two modules has two instances: one of them processes, or every event would be heard twice
    if (candidate !== undefined && !byType.has(candidate.type)) byType.set(candidate.type, candidate);
  }
  return [...byType.values()];
}

function toCandidate(wrapper: InstanceWrapper): Candidate | undefined {
  const instance: unknown = wrapper.instance;
  const type = typeOf(wrapper, instance);
  if (type === undefined) return undefined;
  return {
    type,
    instance: typeof instance === 'object' && instance !== null ? instance : type.prototype,
    isStatic: !wrapper.isTransient && wrapper.isDependencyTreeStatic(),
    wrapper,
  };
}

function typeOf(wrapper: InstanceWrapper, instance: unknown): Type | undefined {
  if (!wrapper.isNotMetatype) return isClass(wrapper.metatype) ? wrapper.metatype : undefined;
  if (!wrapper.isDependencyTreeStatic()) return isClass(wrapper.token) ? wrapper.token : undefined;
  return typeof instance === 'object' && instance !== null ? constructorOf(instance) : undefined;
}

/** By the prototype: reading `constructor` off a value could run a getter or a proxy's trap of the application's. */
function constructorOf(instance: object): Type | undefined {
  const prototype: unknown = Object.getPrototypeOf(instance);
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return undefined;
  const type: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  return isClass(type) ? type : undefined;
}

function isClass(value: unknown): value is Type {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}
