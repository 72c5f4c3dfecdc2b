import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';
import {
  type ApplicationConfig,
  type ContextId,
  ExternalContextCreator,
  type ModulesContainer,
  type NestContainer,
  type ParamsFactory,
} from '@nestjs/core';
import { UNPIPED } from '../decorators/parameter-metadata.js';
import type { ActiveJob } from '../queue/active-job.js';
import type { Call } from './calls.js';
import { HandlerExceptionFilterContext } from './handler-exceptions.js';
import {
  GuardsConsumer,
  GuardsContextCreator,
  InterceptorsConsumer,
  InterceptorsContextCreator,
  PipesConsumer,
  PipesContextCreator,
  ROUTE_ARGS_METADATA,
} from './nest-internals.js';
import type { PgQueueContextType } from './pg-queue-context.js';

export interface Through {
  /** Whether there are exception filters. */
  readonly filters: boolean;
  /** The id of Nest's record of the provider: transient enhancers are made for each. */
  readonly hostId: string;
  /** Of an instance that was made for one job. */
  readonly contextId?: ContextId | undefined;
}

/** Where what is Nest's `@Body()` elsewhere comes from: `@JobData()`. */
const PARAMETERS: ParamsFactory = {
  exchangeKeyForValue: (_type: number, property: unknown, [job]: [ActiveJob]) =>
    property === undefined ? job.data : propertyOf(job.data, property as string),
};

/**
 * Nest's own way of calling a method through its guards, interceptors, pipes and filters, for one class.
 *
 * - The global ones are those of the `config` that is given, not the application's.
 * - One for each class: Nest 11 keeps what it knows of a method under the class's name, which two classes may share.
 */
export class HandlerContextCreator extends ExternalContextCreator {
  readonly #moduleKey: string;

  constructor(modules: ModulesContainer, config: ApplicationConfig, moduleKey: string) {
    // all that they ask of a container
    const container = { getModules: () => modules } as NestContainer;
    super(
      new GuardsContextCreator(container, config),
      new GuardsConsumer(),
      new InterceptorsContextCreator(container, config),
      new InterceptorsConsumer(),
      modules,
      new PipesContextCreator(container, config),
      new PipesConsumer(),
      new HandlerExceptionFilterContext(container, config),
    );
    this.#moduleKey = moduleKey;
  }

  through(instance: object, method: string, { filters, hostId, contextId }: Through): Call {
    const handler = Reflect.get(instance, method) as Call;
    return this.create<Record<number, never>, PgQueueContextType>(
      instance,
      // as it is: what it says is on the function itself
      handler,
      method,
      ROUTE_ARGS_METADATA,
      PARAMETERS,
      contextId,
      hostId,
      { guards: true, interceptors: true, filters },
      'pg-queue',
    );
  }

  /** Known already; by the class, the first releases of Nest 11 would not find one that is provided under another token. */
  override getContextModuleKey(): string {
    return this.#moduleKey;
  }

  override async getParamValue(value: unknown, metadata: ArgumentMetadata, pipes: PipeTransform[]): Promise<unknown> {
    return (metadata.data as unknown) === UNPIPED ? value : super.getParamValue(value, metadata, pipes);
  }
}

/** Its own: data that says nothing of it has no `constructor`. */
function propertyOf(data: unknown, property: string): unknown {
  return typeof data === 'object' && data !== null && Object.hasOwn(data, property)
    ? (data as Record<string, unknown>)[property]
    : undefined;
}
