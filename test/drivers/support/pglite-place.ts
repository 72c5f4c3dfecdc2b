import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import pg from 'pg';
import { migrationSql } from '../../../lib/engine/postgres/migrations/index.js';
import { quoteIdentifier } from '../../../lib/utils/quote-identifier.js';
import { NASTY_SCHEMA, type Place } from './driver-database.js';
import { Turns } from './turns.js';

export interface PglitePlace extends Place {
  /** Work in the process, in which nothing comes in between from the socket. */
  alone<T>(work: (pglite: PGlite) => Promise<T>): Promise<T>;
  readonly pglite: PGlite;
}

/**
 * A PGlite with the schema in it, which an application reaches over its socket server: with one connection, since all
 * connections share one session, and without LISTEN.
 */
export async function pglitePlace(): Promise<PglitePlace> {
  const pglite = await PGlite.create();
  await pglite.exec(migrationSql({ schema: NASTY_SCHEMA }));
  const turns = new Turns();
  const server = new PGLiteSocketServer({ db: takingTurns(pglite, turns), port: 0, maxConnections: 2 });
  await server.start();
  const [host, port] = server.getServerConn().split(':');
  const url = `postgres://postgres@${host}:${port}/postgres`;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const alone: PglitePlace['alone'] = async (work) => turns.run(async () => work(pglite));
  return {
    url,
    schema: NASTY_SCHEMA,
    quoted: quoteIdentifier(NASTY_SCHEMA),
    pgque: undefined,
    options: { pool, listen: false, migrations: 'check', maintenance: false },
    query: async (text, values) => alone(async (db) => (await db.query<Record<string, unknown>>(text, values)).rows),
    alone,
    pglite,
    async close() {
      await pool.end();
      await server.stop();
      await pglite.close();
    },
  };
}

/** The socket server lets its statements into a transaction of the process: this makes them wait for its end. */
function takingTurns(pglite: PGlite, turns: Turns): PGlite {
  let end: (() => void) | undefined;
  const mine = {
    isInTransaction: () => end !== undefined,
    async runExclusive<T>(work: () => Promise<T>): Promise<T> {
      end ??= await turns.begin();
      try {
        return await pglite.runExclusive(work);
      } finally {
        if (!pglite.isInTransaction()) {
          end();
          end = undefined;
        }
      }
    },
  };
  return new Proxy(pglite, {
    get(target, name) {
      if (Object.hasOwn(mine, name)) return Reflect.get(mine, name) as unknown;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
