import type { FactoryProvider, InjectionToken, Provider } from '@nestjs/common';
import { PgConnection } from './engine/postgres/connection.js';
import { Notifier } from './engine/postgres/notifier.js';
import { PostgresJobEngine } from './engine/postgres/postgres-job.engine.js';
import { QueueIds } from './engine/postgres/queue-ids.js';
import { PostgresStreamEngine } from './engine/postgres/streams/postgres-stream.engine.js';
import { PgQueueRuntime } from './pg-queue.lifecycle.js';
import { JobAppender } from './queue/job-appender.js';
import { QueueRegistry } from './queue/queue.registry.js';
import { QueueService } from './queue/queue.service.js';
import { StreamClient } from './streams/stream-client.js';
import { StreamService } from './streams/stream.service.js';
import {
  databaseToken,
  getPgQueueRuntimeToken,
  getQueueServiceToken,
  getStreamServiceToken,
} from './utils/database-tokens.js';
import { getStreamClientToken } from './utils/get-stream-client-token.js';
import { AMBIENT_TRANSACTION, CARRIED_CONTEXT, PG_QUEUE_OPTIONS, STREAM_IDS } from './utils/tokens.js';

/** What applications inject. Of a database with a name each has another token, so that no `get(QueueService)` finds that one. */
const PUBLIC = new Map<InjectionToken, (database: string) => string>([
  [QueueService, getQueueServiceToken],
  [StreamService, getStreamServiceToken],
  [StreamClient, (database) => getStreamClientToken('pgqueue', database)],
  [getStreamClientToken('pgque'), (database) => getStreamClientToken('pgque', database)],
  [PgQueueRuntime, getPgQueueRuntimeToken],
]);

/** What the modules of one database share among themselves: by its own token in each of them, and by another between them. */
const SHARED = new Map<InjectionToken, string>([
  [PG_QUEUE_OPTIONS, 'options'],
  [AMBIENT_TRANSACTION, 'ambient transaction'],
  [CARRIED_CONTEXT, 'carried context'],
  [PgConnection, 'connection'],
  [QueueIds, 'queue ids'],
  [STREAM_IDS, 'stream ids'],
  [Notifier, 'notifier'],
  [PostgresJobEngine, 'job engine'],
  [PostgresStreamEngine, 'stream engine'],
  [JobAppender, 'job appender'],
  [QueueRegistry, 'queue registry'],
]);

/** The token by which other modules find what belongs to a database. */
export function ofDatabase(token: InjectionToken, database: string | undefined): InjectionToken {
  if (database === undefined) return token;
  const shared = SHARED.get(token);
  return PUBLIC.get(token)?.(database) ?? (shared === undefined ? token : databaseToken(shared, database));
}

/** The core module's providers, as those of a database. */
export function coreOf(providers: readonly FactoryProvider[], database: string | undefined): Provider[] {
  if (database === undefined) return [...providers];
  return [
    ...providers.map((provider) => ({
      ...provider,
      provide: publicOf(provider.provide, database),
      inject: (provider.inject ?? []).map((token) => publicOf(token as InjectionToken, database)),
    })),
    ...[...SHARED.keys()].map((token) => ({ provide: ofDatabase(token, database), useExisting: token })),
  ];
}

/** What the core module exports. */
export function coreExports(database: string | undefined): InjectionToken[] {
  // the runtime is the host's
  const all = [...SHARED.keys(), ...PUBLIC.keys()].filter((token) => token !== PgQueueRuntime);
  return all.map((token) => ofDatabase(token, database));
}

/** The same of the host: it finds what is shared by the tokens that its providers know. */
export function hostOf(providers: readonly Provider[], database: string | undefined): Provider[] {
  if (database === undefined) return [...providers, PgQueueRuntime];
  return [
    ...providers,
    { provide: ofDatabase(PgQueueRuntime, database), useClass: PgQueueRuntime },
    ...[...SHARED.keys()].map((token) => ({ provide: token, useExisting: ofDatabase(token, database) })),
  ];
}

function publicOf(token: InjectionToken, database: string): InjectionToken {
  return PUBLIC.has(token) ? ofDatabase(token, database) : token;
}
