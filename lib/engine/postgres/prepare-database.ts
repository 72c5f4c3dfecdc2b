import type { PoolClient } from 'pg';
import { InvalidOptionsError } from '../../errors/invalid-options.error.js';
import type { ResolvedModuleOptions } from '../../interfaces/resolved-module-options.interface.js';
import type { PgConnection } from './connection.js';
import { checkSchema, migrate } from './migrations/migrator.js';
import { inTransaction } from './transaction.js';

interface Defaults {
  readonly isolation: string;
  readonly read_only: string;
}

/** A migration, or another process's that this one waits for, may take longer than a statement: ms. */
const MIGRATED_WITHIN = 900_000;

/**
 * What startup asks of the database: that its schema is the one this package needs. That it is a primary is known by
 * then. Returns whether statements must bring their own transaction, because this database's defaults are stricter than
 * READ COMMITTED or read-only.
 */
export async function prepareDatabase(connection: PgConnection, options: ResolvedModuleOptions): Promise<boolean> {
  const look = async (client: PoolClient): Promise<boolean> => {
    const { rows } = await client.query<Defaults>(
      `select current_setting('default_transaction_isolation') as isolation,
              current_setting('default_transaction_read_only') as read_only`,
    );
    const { isolation, read_only } = rows[0]!;
    if (options.migrations === 'check') await checkSchema(client, connection.names);
    return isolation !== 'read committed' || read_only === 'on';
  };
  const strict = await connection
    // a transaction: a pooler that cannot carry any is found out here, and not by the first job that needs one
    .use((client) => inTransaction(client, async () => look(client)))
    .catch((error: unknown) => refuseStatementPooling(error, options));
  if (options.migrations === 'apply') {
    await connection.use(async (client) => migrate(client, connection.names), MIGRATED_WITHIN);
  }
  return strict;
}

function refuseStatementPooling(error: unknown, { pool }: ResolvedModuleOptions): never {
  if (!/statement pooling/.test((error as Error).message)) throw error;
  throw new InvalidOptionsError(
    pool === undefined ? 'connection' : 'pool',
    'PgQueueModule.forRoot(): this address is a PgBouncer with pool_mode=statement, which allows no transactions: use pool_mode=transaction, or session',
    { cause: error },
  );
}
