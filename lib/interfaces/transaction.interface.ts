/** Runs one statement: a `pg` client does, and so do the transactions of TypeORM and PGlite. */
export interface SqlExecutor {
  query(text: string, values?: any[]): Promise<any>;
}

/** What runs statements in a caller's transaction. */
export interface TransactionExecutor extends SqlExecutor {
  /** Whether its session is the only one that the database has: any other waits until the transaction has ended. */
  readonly isOnlySession?: boolean;
}

/**
 * What `tx` accepts: the transaction handle of a driver or ORM, as it is. It is known by its shape when it is used; none of them
 * is imported. A root handle (a pool, `prisma`, a DataSource) is refused then: it would commit at once.
 */
export type TransactionHandle =
  // pg's client, TypeORM's EntityManager and QueryRunner, PGlite's tx
  | SqlExecutor
  // Prisma
  | { $queryRawUnsafe(query: string, ...values: any[]): PromiseLike<any> }
  // Drizzle
  | { execute(query: any): PromiseLike<any>; rollback(): never }
  // Kysely
  | { executeQuery(query: any, ...rest: any[]): Promise<any> }
  // Knex
  | { raw(sql: any, ...bindings: any[]): any; isTransaction?: boolean }
  // MikroORM
  | { getTransactionContext(): any; getConnection(...args: any[]): any }
  // Sequelize
  | { LOCK: any; commit(): Promise<void>; rollback(): Promise<void> }
  // postgres.js
  | { unsafe(query: string, values?: any[]): any }
  // pg-promise
  | { any(query: any, values?: any): Promise<any>; batch(...args: any[]): any }
  // Slonik
  | { query(query: { sql: string; values: any }): Promise<any> };

/** Whether a call joins the transaction that is open around it; `required`: and throws outside of one. */
export type TransactionMode = 'auto' | 'required' | 'never';
