import { ApplicationConfig, type ContextId } from '@nestjs/core';
import { moduleRefOf } from './job-scope.js';
import type { InstanceWrapper } from './nest-internals.js';

/**
 * The application's global guards, interceptors, pipes and filters, as far as they stand before handlers: with
 * `inheritAppConfig` all of them, otherwise none.
 *
 * - Those that are request-scoped or transient are made for each job, in its context.
 */
export class GlobalEnhancers {
  readonly #source: ApplicationConfig;

  constructor(application: ApplicationConfig, inherit: boolean) {
    this.#source = inherit ? application : new ApplicationConfig();
  }

  /** Whether there are any before a method. Pipes only look at parameters with decorators. */
  areBefore(hasPipedParameters: boolean): boolean {
    const { guards, interceptors, pipes, filters } = this.#all();
    return guards + interceptors + filters + (hasPipedParameters ? pipes : 0) > 0;
  }

  get hasFilters(): boolean {
    return this.#all().filters > 0;
  }

  /** One of those before a method that has to be made for each job. */
  perJob(hasPipedParameters: boolean): InstanceWrapper | undefined {
    return [
      ...this.#source.getGlobalRequestGuards(),
      ...this.#source.getGlobalRequestInterceptors(),
      ...(hasPipedParameters ? this.#source.getGlobalRequestPipes() : []),
      ...this.#source.getGlobalRequestFilters(),
    ][0];
  }

  /** Those that are there for all jobs. */
  shared(): ApplicationConfig {
    const config = new ApplicationConfig();
    config.useGlobalGuards(...this.#source.getGlobalGuards());
    config.useGlobalInterceptors(...this.#source.getGlobalInterceptors());
    config.useGlobalPipes(...this.#source.getGlobalPipes());
    config.useGlobalFilters(...this.#source.getGlobalFilters());
    return config;
  }

  /** Those before one job, the shared ones first, as before a controller. */
  async inContext(contextId: ContextId): Promise<ApplicationConfig> {
    const config = this.shared();
    const make = async <T>(wrappers: InstanceWrapper<T>[]): Promise<T[]> =>
      Promise.all(wrappers.map((wrapper) => moduleRefOf(wrapper).resolve<T>(wrapper.token, contextId)));
    const [guards, interceptors, pipes, filters] = await Promise.all([
      make(this.#source.getGlobalRequestGuards()),
      make(this.#source.getGlobalRequestInterceptors()),
      make(this.#source.getGlobalRequestPipes()),
      make(this.#source.getGlobalRequestFilters()),
    ]);
    for (const guard of guards) config.addGlobalGuard(guard);
    for (const interceptor of interceptors) config.addGlobalInterceptor(interceptor);
    for (const pipe of pipes) config.addGlobalPipe(pipe);
    for (const filter of filters) config.addGlobalFilter(filter);
    return config;
  }

  #all(): { guards: number; interceptors: number; pipes: number; filters: number } {
    const source = this.#source;
    return {
      guards: source.getGlobalGuards().length + source.getGlobalRequestGuards().length,
      interceptors: source.getGlobalInterceptors().length + source.getGlobalRequestInterceptors().length,
      pipes: source.getGlobalPipes().length + source.getGlobalRequestPipes().length,
      filters: source.getGlobalFilters().length + source.getGlobalRequestFilters().length,
    };
  }
}
