import type { DynamicModule, Provider, Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { HandlerBinder } from '../../lib/discovery/handler-binder.js';
import { ProcessorExplorer } from '../../lib/discovery/processor.explorer.js';
import { StreamConsumerExplorer } from '../../lib/discovery/stream-consumer.explorer.js';
import type { WorkerOptions } from '../../lib/index.js';
import { DATABASE, OPENED_DATABASE, PG_QUEUE_OPTIONS } from '../../lib/utils/tokens.js';

export interface Explored {
  readonly providers?: readonly Provider[];
  readonly controllers?: Type[];
  readonly imports?: (Type | DynamicModule)[];
  readonly options?: {
    readonly worker?: WorkerOptions;
    readonly processors?: Record<string, WorkerOptions>;
    readonly inheritAppConfig?: boolean;
  };
}

/** An application without a database, in which the explorers look around as they do at startup. */
export async function exploring({
  providers = [],
  controllers = [],
  imports = [],
  options = {},
}: Explored): Promise<TestingModule> {
  return Test.createTestingModule({
    imports: [DiscoveryModule, ...imports],
    controllers,
    providers: [
      ...providers,
      HandlerBinder,
      ProcessorExplorer,
      StreamConsumerExplorer,
      { provide: DATABASE, useValue: { name: undefined } },
      { provide: OPENED_DATABASE, useValue: { name: undefined } },
      { provide: PG_QUEUE_OPTIONS, useValue: { worker: {}, processors: {}, inheritAppConfig: false, ...options } },
    ],
  }).compile();
}
