import type { Provider } from '@nestjs/common';
import { InvalidOptionsError } from './errors/invalid-options.error.js';
import type { QueueContract } from './interfaces/queue-contract.interface.js';
import type {
  QueueOptions,
  QueueOptionsFactory,
  RegisterQueueAsyncOptions,
  RegisterQueueOptions,
} from './interfaces/register-queue.interface.js';
import type { Queue } from './queue/queue.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { getQueueToken } from './utils/get-queue-token.js';
import { isContract, queueNameOf } from './utils/queue-contract.js';

/** A queue by its token; making it registers its defaults and its contract. */
export function queueProviders({ name, ...options }: RegisterQueueOptions): Provider[] {
  return [
    {
      provide: getQueueToken(name),
      useFactory: (registry: QueueRegistry, service: QueueService) => register(registry, service, name, options),
      inject: [QueueRegistry, QueueService],
    },
    ...byName(name),
  ];
}

/** What a registration makes injectable. */
export function queueTokens(queue: string | QueueContract): string[] {
  return [...new Set([getQueueToken(queue), getQueueToken(queueNameOf(queue))])];
}

/** What has a contract may be asked for by its name, too. */
function byName(queue: string | QueueContract): Provider[] {
  const [token, ...others] = queueTokens(queue);
  return others.map((provide) => ({ provide, useExisting: token }));
}

/** A queue whose options come from a factory, a class or an existing provider. */
export function queueAsyncProviders(queue: RegisterQueueAsyncOptions): Provider[] {
  const { name } = queue;
  const optionsToken = `${getQueueToken(name)}_options`;
  return [
    ...optionsProviders(queue, optionsToken),
    {
      provide: getQueueToken(name),
      useFactory: (registry: QueueRegistry, service: QueueService, options: QueueOptions) =>
        register(registry, service, name, options),
      inject: [QueueRegistry, QueueService, optionsToken],
    },
    ...byName(name),
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
