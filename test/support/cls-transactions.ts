import { Injectable } from '@nestjs/common';
import { ClsPluginTransactional, type TransactionalAdapter } from '@nestjs-cls/transactional';
import { ClsModule } from 'nestjs-cls';
import pg from 'pg';

/** An adapter as a team without an ORM would write it. */
class PgTransactions implements TransactionalAdapter<pg.Pool, pg.Pool | pg.PoolClient, never> {
  readonly connectionToken = pg.Pool;
  readonly connection: undefined;
  readonly optionsFactory = (pool: pg.Pool) => ({
    wrapWithTransaction: async (
      _: never,
      work: (...args: unknown[]) => Promise<unknown>,
      setClient: (client?: pg.PoolClient) => void,
    ) => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        setClient(client);
        const result = await work();
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback');
        throw error;
      } finally {
        client.release();
      }
    },
    getFallbackInstance: () => pool,
  });
}

/** `@nestjs-cls/transactional` on a pool of its own. */
export function clsTransactions(pool: pg.Pool, connectionName?: string) {
  @Injectable()
  class Pools {}
  return ClsModule.forRoot({
    global: true,
    plugins: [
      new ClsPluginTransactional({
        ...(connectionName === undefined ? {} : { connectionName }),
        imports: [{ module: Pools, providers: [{ provide: pg.Pool, useValue: pool }], exports: [pg.Pool] }],
        adapter: new PgTransactions() as never,
      }),
    ],
  });
}
