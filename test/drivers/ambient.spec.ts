import { PrismaPg } from '@prisma/adapter-pg';
import { TransactionalAdapterDrizzleOrm } from '@nestjs-cls/transactional-adapter-drizzle-orm';
import { TransactionalAdapterPrisma } from '@nestjs-cls/transactional-adapter-prisma';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { drizzle as onPg } from 'drizzle-orm/node-postgres';
import { pgTable, serial, text } from 'drizzle-orm/pg-core';
import { drizzle as onPostgresJs } from 'drizzle-orm/postgres-js';
import pg from 'pg';
import postgres from 'postgres';
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { type Prisma, PrismaClient } from './.generated/generated/prisma/client.js';
import { describeAmbient } from './ambient-contract.js';
import { CONNECTION } from './support/ambient.js';

const Order = new EntitySchema<{ id: number; customer: string }>({
  name: 'orders',
  columns: { id: { type: 'int', primary: true, generated: true }, customer: { type: 'text' } },
});

describeAmbient<EntityManager>('TypeORM', async (url) => {
  const connection = await new DataSource({ type: 'postgres', url, entities: [Order] }).initialize();
  return {
    connection,
    adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: CONNECTION }),
    order: (manager, customer) => manager.insert(Order, { customer }),
    close: () => connection.destroy(),
  };
});

describeAmbient<Prisma.TransactionClient>('Prisma', async (url) => {
  const connection = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
  const adapter = new TransactionalAdapterPrisma<PrismaClient>({
    prismaInjectionToken: CONNECTION,
    sqlFlavor: 'postgresql',
    // a machine may be slow
    defaultTxOptions: { timeout: 20_000 },
  });
  return {
    connection,
    adapter,
    order: (tx, customer) => tx.order.create({ data: { customer } }),
    close: () => connection.$disconnect(),
  };
});

const orders = pgTable('orders', { id: serial().primaryKey(), customer: text().notNull() });

describeAmbient<ReturnType<typeof onPg>>('Drizzle on node-postgres', async (url) => {
  const client = new pg.Pool({ connectionString: url });
  return {
    connection: onPg({ client }),
    adapter: new TransactionalAdapterDrizzleOrm({ drizzleInstanceToken: CONNECTION }),
    order: (tx, customer) => tx.insert(orders).values({ customer }),
    close: () => client.end(),
  };
});

describeAmbient<ReturnType<typeof onPostgresJs>>('Drizzle on postgres.js', async (url) => {
  const client = postgres(url);
  return {
    connection: onPostgresJs({ client }),
    adapter: new TransactionalAdapterDrizzleOrm({
      drizzleInstanceToken: CONNECTION,
      // without any option Drizzle says SET TRANSACTION and nothing else there, which is no SQL
      defaultTxOptions: { isolationLevel: 'read committed' },
    }),
    order: (tx, customer) => tx.insert(orders).values({ customer }),
    close: () => client.end(),
  };
});
