import { PgqueUnavailableError } from '../../errors/pgque-unavailable.error.js';
import type { PgConnection } from '../postgres/connection.js';

/** What a consumer calls. */
const CONSUMING = [
  'subscribe(text,text)',
  'register_consumer_at(text,text,bigint)',
  'get_consumer_info(text,text)',
  'next_batch_custom(text,text,interval,integer,interval)',
  'get_batch_events(bigint)',
  'ack(bigint)',
  'nack(bigint,pgque.message,interval,text)',
];

/** Came with 0.2.0. Before that, nack() stored what its caller said of an event, and an empty window was never left. */
const SINCE_0_2 = 'force_next_tick(text)';

const LOOK = `select to_regnamespace('pgque') is not null as installed,
  coalesce(has_schema_privilege(to_regnamespace('pgque'), 'usage'), false) as usable, current_user as role`;

/** to_regprocedure() itself fails for a schema that may not be used, or for an argument's type that is not there. */
const FUNCTIONS = `select f as name, to_regprocedure('pgque.' || f) is not null as found,
  coalesce(has_function_privilege(to_regprocedure('pgque.' || f), 'execute'), false) as callable
from unnest($1::text[]) f`;

/** @throws PgqueUnavailableError with the remedy. */
export async function checkPgque(connection: PgConnection): Promise<void> {
  const [look] = await connection.query<{ installed: boolean; usable: boolean; role: string }>(LOOK);
  const { installed, usable, role } = look!;
  if (!installed) {
    throw new PgqueUnavailableError(
      `This database has no schema 'pgque': install PgQue (0.2.0 or later) in it, or leave out engine: 'pgque' to use the module's own streams`,
    );
  }
  const grant = `grant pgque_reader to "${role}"`;
  if (!usable) throw new PgqueUnavailableError(`The role '${role}' may not use the schema 'pgque': ${grant}`);
  const functions = await connection
    .query<{ name: string; found: boolean; callable: boolean }>(FUNCTIONS, [[...CONSUMING, SINCE_0_2]])
    .catch((error: unknown) => {
      throw new PgqueUnavailableError(`The schema 'pgque' is not PgQue's: ${(error as Error).message}`, {
        cause: error,
      });
    });
  const missing = functions.find(({ found }) => !found);
  if (missing !== undefined) {
    throw new PgqueUnavailableError(
      `PgQue has no function ${missing.name}: it is older than 0.2.0, or not PgQue; install 0.2.0 or later`,
    );
  }
  const forbidden = functions.find(({ name, callable }) => name !== SINCE_0_2 && !callable);
  if (forbidden !== undefined) {
    throw new PgqueUnavailableError(`The role '${role}' may not call pgque.${forbidden.name}: ${grant}`);
  }
}
