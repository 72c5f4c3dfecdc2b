// What is taken from the inside of Nest, by paths that are the same in 11 and 12: here and nowhere else. There is no public
// way to have a method's own guards, interceptors, pipes and filters run without the application's global ones.
export {
  CUSTOM_ROUTE_ARGS_METADATA,
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
  PIPES_METADATA,
  ROUTE_ARGS_METADATA,
} from '@nestjs/common/constants.js';
export { ExternalExceptionFilterContext } from '@nestjs/core/exceptions/external-exception-filter-context.js';
export { ExternalExceptionsHandler } from '@nestjs/core/exceptions/external-exceptions-handler.js';
export { GuardsConsumer } from '@nestjs/core/guards/guards-consumer.js';
export { GuardsContextCreator } from '@nestjs/core/guards/guards-context-creator.js';
export type { InstanceWrapper } from '@nestjs/core/injector/instance-wrapper.js';
export { InterceptorsConsumer } from '@nestjs/core/interceptors/interceptors-consumer.js';
export { InterceptorsContextCreator } from '@nestjs/core/interceptors/interceptors-context-creator.js';
export { PipesConsumer } from '@nestjs/core/pipes/pipes-consumer.js';
export { PipesContextCreator } from '@nestjs/core/pipes/pipes-context-creator.js';
export { REQUEST_CONTEXT_ID } from '@nestjs/core/router/request/request-constants.js';
