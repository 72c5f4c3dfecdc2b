import type { Provider } from '@nestjs/common';
import { InvalidOptionsError } from './errors/invalid-options.error.js';
import type { QueueContract } from './interfaces/queue-contract.interface.js';
import type {
  QueueOptions,
  QueueOptionsFactory,
  RegisterQueueAsyncOptions,
  RegisterQueueOptions,
} from './interfaces/register-queue.interface.js';
import { ofDatabase } from './pg-queue.databases.js';
import type { Queue } from './queue/queue.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { getQueueToken } from './utils/get-queue-token.js';
import { isContract, queueNameOf } from './utils/queue-contract.js';

/** A queue by its token; making it registers its defaults and its contract. */
export function queueProviders({ name, database, ...options }: RegisterQueueOptions): Provider[] {
  return [
    {
      provide: getQueueToken(name, database),
      useFactory: (registry: QueueRegistry, service: QueueService) => register(registry, service, name, options),
      inject: [ofDatabase(QueueRegistry, database), ofDatabase(QueueService, database)],
    },
    ...byName(name, database),
  ];
}

/** What a registration makes injectable. */
export function queueTokens({ name, database }: Pick<RegisterQueueOptions, 'name' | 'database'>): string[] {
  return [...new Set([getQueueToken(name, database), getQueueToken(queueNameOf(name), database)])];
}

/** What has a contract may be asked for by its name, too. */
function byName(name: string | QueueContract, database: string | undefined): Provider[] {
  const [token, ...others] = queueTokens({ name, ...(database !== undefined && { database }) });
  return others.map((provide) => ({ provide, useExisting: token }));
}

/** A queue whose options come from a factory, a class or an existing provider. */
export function queueAsyncProviders(queue: RegisterQueueAsyncOptions): Provider[] {
  const { name, database } = queue;
  const optionsToken = `${getQueueToken(name, database)}_options`;
  return [
    ...optionsProviders(queue, optionsToken),
    {
      provide: getQueueToken(name, database),
      useFactory: (registry: QueueRegistry, service: QueueService, options: QueueOptions) =>
        register(registry, service, name, options),
      inject: [ofDatabase(QueueRegistry, database), ofDatabase(QueueService, database), optionsToken],
    },
    ...byName(name, database),
  ];
}

function optionsProviders(queue: RegisterQueueAsyncOptions, provide: string): Provider[] {
  const { name, useFactory, useClass, useExisting, inject = [] } = queue;
  if (useFactory) return [{ provide, useFactory, inject }, ...(queue.provideInjectionTokensFrom ?? [])];
  const factory = useClass ?? useExisting;
  if (factory === undefined) {
    throw new InvalidOptionsError(
      'useFactory',
      `PgQueueModule.registerQueueAsync('${queueNameOf(name)}'): give useFactory, useClass or useExisting`,
    );
  }
  const ask: Provider = {
    provide,
    useFactory: (options: QueueOptionsFactory) => options.createQueueOptions(),
    inject: [factory],
  };
  return useClass ? [ask, useClass] : [ask];
}

function register(
  registry: QueueRegistry,
  service: QueueService,
  name: string | QueueContract,
  options: QueueOptions,
): Queue {
  registry.register(name, options);
  // an overload each
  return isContract(name) ? service.queue(name) : service.queue(name);
}
