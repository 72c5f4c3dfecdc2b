import type { Type } from '@nestjs/common';
import { PARAMETER_METADATA, type ParameterMetadata } from '../decorators/parameter-metadata.js';
import { refuseJobDataArguments } from './job-data-arguments.js';
import type { HandlerKind } from './handler-kind.js';
import { CUSTOM_ROUTE_ARGS_METADATA, ROUTE_ARGS_METADATA } from './nest-internals.js';

/** What the decorators of a method's parameters say. */
export interface Parameters {
  /** Whether there are any: then it is they that say what the method gets. */
  readonly decorated: boolean;
  /** Whether pipes have something to look at. */
  readonly piped: boolean;
  /** The pipes of single parameters. */
  readonly pipes: readonly unknown[];
}

interface NestParameter {
  readonly index: number;
  readonly pipes: readonly unknown[];
}

/** Reads them, and refuses what could not get a value. */
export function readParameters(type: Type, method: string, label: string, kind: HandlerKind): Parameters {
  const host = parametersHost(type, method);
  const said = Object.entries<NestParameter>(Reflect.getMetadata(ROUTE_ARGS_METADATA, host, method) ?? {});
  if (said.length === 0) return { decorated: false, piped: false, pipes: [] };
  const own: readonly ParameterMetadata[] = Reflect.getMetadata(PARAMETER_METADATA, host, method) ?? [];
  const indexes = said.map(([, { index }]) => index);
  const twice = doubleIn(indexes) ?? doubleIn(own.map(({ index }) => index));
  if (twice !== undefined) {
    kind.refuse(`${label}: parameter ${twice} has two decorators, which each say what it gets: use one`);
  }
  for (const [key, { index }] of said) {
    const ours = own.find((one) => one.index === index);
    if (ours === undefined && !key.includes(CUSTOM_ROUTE_ARGS_METADATA)) {
      kind.refuse(
        `${label}: parameter ${index} has a decorator for another kind of handler, as @Body() is for requests: ${kind.remedy}`,
      );
    }
  }
  for (const one of own) {
    if (!kind.hasJob)
      kind.refuse(`${label}: ${one.decorator} on parameter ${one.index}: an event is no job; ${kind.remedy}`);
    if (one.options !== undefined) refuseJobDataArguments(one, label);
  }
  refuseUndecorated(type, method, new Set(indexes), label, kind);
  const unpiped = new Set(own.filter(({ piped }) => !piped).map(({ index }) => index));
  return {
    decorated: true,
    piped: said.some(([, { index }]) => !unpiped.has(index)),
    pipes: said.flatMap(([, { pipes }]) => pipes),
  };
}

/** Where decorators of parameters have left something, also when the class is a proxy of another one: as Nest looks for it. */
function parametersHost(type: Type, method: string): Type {
  const declared = type.prototype.constructor as Type;
  return declared.prototype?.[method] === type.prototype[method] ? declared : type;
}

function doubleIn(indexes: readonly number[]): number | undefined {
  return indexes.find((index, i) => indexes.indexOf(index) !== i);
}

/** It would be undefined, whatever its type says. */
function refuseUndecorated(
  type: Type,
  method: string,
  decorated: ReadonlySet<number>,
  label: string,
  kind: HandlerKind,
): void {
  const types: readonly unknown[] = Reflect.getMetadata('design:paramtypes', type.prototype, method) ?? [];
  // what wraps a method, as a decorator for transactions, has a length of its own
  const { length } = type.prototype[method] as { length: number };
  const count = Math.max(types.length, length);
  const missing = Array.from({ length: count }, (_, index) => index).find((index) => !decorated.has(index));
  if (missing === undefined) return;
  kind.refuse(
    `${label}: parameter ${missing} has no decorator, and another one has: it would get nothing; ${kind.remedy}`,
  );
}
