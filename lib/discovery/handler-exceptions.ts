import type { ArgumentsHost, Type } from '@nestjs/common';
import { isObservable, lastValueFrom } from 'rxjs';
import {
  EXCEPTION_FILTERS_METADATA,
  ExternalExceptionFilterContext,
  ExternalExceptionsHandler,
} from './nest-internals.js';

type CreateArguments = Parameters<ExternalExceptionFilterContext['create']>;

/** One exception filter, as Nest has it. */
interface Filter {
  readonly func: (exception: unknown, host: ArgumentsHost) => unknown;
  /** What it catches; none: everything. */
  readonly exceptionMetatypes: readonly Type[];
}

/** Makes what a handler's exception filters do. */
export class HandlerExceptionFilterContext extends ExternalExceptionFilterContext {
  override create(...[instance, callback, module, contextId, inquirerId]: CreateArguments): ExternalExceptionsHandler {
    this.moduleContext = module;
    const filters = this.createContext<unknown[], Filter[]>(
      instance,
      // only asked for its metadata
      callback as () => void,
      EXCEPTION_FILTERS_METADATA,
      contextId,
      inquirerId,
    );
    // the method's own first
    return new HandlerExceptionsHandler(filters.toReversed());
  }
}

/**
 * What a handler threw, given to the first of its filters that catches it.
 *
 * - What the filter returns is the handler's result; `undefined` is none, also when it is promised. Nest 11 and 12 themselves
 *   differ in what they take for none, and take a promise for a result whatever is promised.
 * - What is not handled goes on as it was thrown, and is not logged: that is up to whoever knows what follows from it.
 */
class HandlerExceptionsHandler extends ExternalExceptionsHandler {
  readonly #filters: readonly Filter[];

  constructor(filters: readonly Filter[]) {
    super();
    this.#filters = filters;
  }

  override async next(exception: unknown, host: ArgumentsHost): Promise<unknown> {
    const filter = this.#filters.find(
      ({ exceptionMetatypes: types }) => types.length === 0 || types.some((type) => exception instanceof type),
    );
    const returned = await filter?.func(exception, host);
    const result = isObservable(returned) ? await lastValueFrom(returned, { defaultValue: undefined }) : returned;
    if (result === undefined) throw exception;
    return result;
  }
}
