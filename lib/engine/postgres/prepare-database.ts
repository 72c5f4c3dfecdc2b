import { StandbyError } from '../../errors/standby.error.js';
import type { ResolvedModuleOptions } from '../../interfaces/resolved-module-options.interface.js';
import type { PgConnection } from './connection.js';
import { checkSchema, migrate } from './migrations/migrator.js';

interface Defaults {
  readonly standby: boolean;
  readonly isolation: string;
  readonly read_only: string;
}

/**
 * What startup asks of the database: that it is a primary, and that its schema is the one this package needs.
 * Returns whether statements must bring their own transaction, because this database's defaults are stricter than
 * READ COMMITTED or read-only.
 */
export async function prepareDatabase(connection: PgConnection, options: ResolvedModuleOptions): Promise<boolean> {
  return connection.use(async (client) => {
    const { rows } = await client.query<Defaults>(
      `select pg_is_in_recovery() as standby, current_setting('default_transaction_isolation') as isolation,
              current_setting('default_transaction_read_only') as read_only`,
    );
    const { standby, isolation, read_only } = rows[0]!;
    if (standby) {
      throw new StandbyError(
        'The database is a standby (in recovery): nothing can be written there. Connect to the primary; with several hosts, add target_session_attrs=read-write or name the primary only.',
      );
    }
    if (options.migrations === 'apply') await migrate(client, connection.names);
    if (options.migrations === 'check') await checkSchema(client, connection.names);
    return isolation !== 'read committed' || read_only === 'on';
  });
}
