import type { Type } from '@nestjs/common';
import type { Candidate } from './candidate.js';
import type { HandlerKind } from './handler-kind.js';
import { misreadScope } from './misread-scope.js';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
} from './nest-internals.js';
import { type Parameters, readParameters } from './parameters.js';

/** What a class and its method say of what stands before it. */
export interface Declared {
  /** Whether there is anything. */
  readonly enhanced: boolean;
  readonly filtered: boolean;
  /** Whether pipes have something to look at. */
  readonly piped: boolean;
}

/** By the decorator that puts them there. */
const KEYS = {
  '@UseGuards()': GUARDS_METADATA,
  '@UseInterceptors()': INTERCEPTORS_METADATA,
  '@UsePipes()': PIPES_METADATA,
  '@UseFilters()': EXCEPTION_FILTERS_METADATA,
} as const;

/** Classes and instances, by their decorator. */
type Enhancers = Readonly<Record<keyof typeof KEYS, readonly unknown[]>>;

/** Reads it of some methods of a class, and refuses what would do nothing. */
export function readDeclared(
  candidate: Candidate,
  methods: readonly string[],
  kind: HandlerKind,
): Map<string, Declared> {
  const { type, instance } = candidate;
  refuseMisread(candidate, kind);
  const onClass = enhancersOf(type);
  const read = new Map<string, Declared>();
  for (const method of methods) {
    const label = `${type.name}.${method}`;
    const onMethod = enhancersOf(Object(Reflect.get(instance, method)));
    const parameters = readParameters(type, method, label, kind);
    for (const one of [onClass, onMethod]) refuseUnmade(candidate, one, parameters, label, kind);
    if (onMethod['@UsePipes()'].length > 0 && !parameters.piped) refuseIdlePipes(label, kind);
    read.set(method, declaredBy(onClass, onMethod, parameters));
  }
  const isIdle = methods.length > 0 && [...read.values()].every(({ piped }) => !piped);
  if (onClass['@UsePipes()'].length > 0 && isIdle) refuseIdlePipes(type.name, kind);
  return read;
}

/** What a class, or a method itself, says; a subclass has its parent's. */
function enhancersOf(target: object): Enhancers {
  const entries = Object.entries(KEYS).map(([name, key]) => [name, Reflect.getMetadata(key, target) ?? []]);
  return Object.fromEntries(entries) as Enhancers;
}

function declaredBy(onClass: Enhancers, onMethod: Enhancers, { decorated, piped }: Parameters): Declared {
  const has = (name: keyof typeof KEYS): boolean => onClass[name].length + onMethod[name].length > 0;
  const filtered = has('@UseFilters()');
  return { enhanced: has('@UseGuards()') || has('@UseInterceptors()') || filtered || decorated, filtered, piped };
}

function refuseIdlePipes(label: string, kind: HandlerKind): void {
  kind.refuse(
    `${label}: @UsePipes() has nothing to look at: pipes see parameters with decorators${kind.hasJob ? ', as @JobData()' : ''}; ${kind.remedy}`,
  );
}

/**
 * Refuses classes of which Nest has made no instance, since the provider comes from a factory or is a value: it would pass
 * over such a guard without a word.
 */
function refuseUnmade(
  { type, wrapper }: Candidate,
  enhancers: Enhancers,
  { pipes }: Parameters,
  label: string,
  kind: HandlerKind,
): void {
  const made = wrapper.host!.injectables;
  for (const [decorator, all] of Object.entries({ ...enhancers, 'a parameter': pipes })) {
    const unmade = all.find((one): one is Type => typeof one === 'function' && !made.has(one));
    if (unmade === undefined) continue;
    kind.refuse(
      `${label}: ${decorator} has the class ${unmade.name}, of which Nest makes no instance here, because ${type.name} is provided ` +
        `by a factory or as a value (or by useClass, with the first releases of Nest 11): provide ${type.name} as a class, or give ` +
        `the decorator an instance`,
    );
  }
}

function refuseMisread({ type, wrapper }: Candidate, kind: HandlerKind): void {
  const scoped = misreadScope(wrapper);
  if (scoped === undefined) return;
  kind.refuse(
    `${type.name} is request-scoped by ${scoped.name}, which something of it injects, and this release of Nest does not see it: ` +
      `update Nest${kind.hasJob ? `, or say scope: Scope.REQUEST on ${type.name} and on what injects ${scoped.name}` : ''}`,
  );
}
