import { ConfigurableModuleBuilder, type DynamicModule } from '@nestjs/common';
import type { PgQueueModuleExtras, PgQueueModuleOptions } from './interfaces/module-options.interface.js';

/** What the core module extends: `forRoot()`, `forRootAsync()`, and the token of the options as they were written. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<PgQueueModuleOptions>({
  moduleName: 'PgQueue',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createPgQueueOptions')
  .setExtras<PgQueueModuleExtras>({ name: undefined }, (definition): DynamicModule => definition)
  .build();
