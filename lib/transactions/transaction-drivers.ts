import { drizzle } from './drizzle.transaction.js';
import { knex } from './knex.transaction.js';
import { kysely } from './kysely.transaction.js';
import { mikroOrm } from './mikro-orm.transaction.js';
import { pg } from './pg.transaction.js';
import { pgPromise } from './pg-promise.transaction.js';
import { pglite } from './pglite.transaction.js';
import { postgresJs } from './postgres-js.transaction.js';
import { prisma } from './prisma.transaction.js';
import { sequelize } from './sequelize.transaction.js';
import { slonik } from './slonik.transaction.js';
import type { TransactionDriver } from './transaction-driver.interface.js';
import { typeorm } from './typeorm.transaction.js';

/** All whose handles `tx` takes. No handle is more than one's. */
export const TRANSACTION_DRIVERS: readonly TransactionDriver[] = [
  pg,
  typeorm,
  prisma,
  drizzle,
  kysely,
  knex,
  mikroOrm,
  sequelize,
  slonik,
  postgresJs,
  pgPromise,
  pglite,
];
