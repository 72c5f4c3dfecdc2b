import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MikroORM } from '@mikro-orm/postgresql';
import { PrismaPg } from '@prisma/adapter-pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import knexOf from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import pgPromise from 'pg-promise';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { createPool } from 'slonik';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OF_DRIVERS, quoted, table } from '../docs/support/markdown.js';
import { PrismaClient } from './.generated/generated/prisma/client.js';
import { type Place, serverDatabase } from './support/driver-database.js';
import { ORDERS_TABLE, placeOrder } from './support/place-order.js';
import { documented } from './support/snippets.js';

interface Connected {
  /** What the function of the document takes first. */
  readonly handle: unknown;
  close(): Promise<unknown>;
}

/** Each library, connected, by the name of its snippet. PGlite's is run where there is one: it takes seconds to begin. */
const CONNECT: Readonly<Record<string, (url: string) => Promise<Connected>>> = {
  typeorm: async (url) => {
    const handle = await new DataSource({ type: 'postgres', url }).initialize();
    return { handle, close: () => handle.destroy() };
  },
  prisma: async (url) => {
    const handle = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
    return { handle, close: () => handle.$disconnect() };
  },
  drizzle: async (url) => {
    const client = new pg.Pool({ connectionString: url });
    return { handle: drizzle({ client }), close: () => client.end() };
  },
  kysely: async (url) => {
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) });
    const handle = new Kysely({ dialect });
    return { handle, close: () => handle.destroy() };
  },
  knex: async (url) => {
    const handle = knexOf({ client: 'pg', connection: url });
    return { handle, close: () => handle.destroy() };
  },
  'mikro-orm': async (clientUrl) => {
    const orm = await MikroORM.init({ clientUrl, entities: [], discovery: { warnWhenNoEntities: false } });
    return { handle: orm.em.fork(), close: () => orm.close() };
  },
  sequelize: async (url) => {
    const handle = new Sequelize(url, { logging: false });
    return { handle, close: () => handle.close() };
  },
  slonik: async (url) => {
    const handle = await createPool(url);
    return { handle, close: () => handle.end() };
  },
  'postgres-js': async (url) => {
    const handle = postgres(url);
    return { handle, close: () => handle.end() };
  },
  'pg-promise': async (url) => {
    const handle = pgPromise({ noWarnings: true })(url);
    return { handle, close: () => handle.$pool.end() };
  },
};

const snippets = documented();

const { dependencies } = JSON.parse(readFileSync(path.join(import.meta.dirname, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

function short(name: string): string {
  const version = dependencies[name]!.replace(/^.*@/, '');
  return version.includes('-') ? version : version.replace(/\.\d+$/, '');
}

describe('docs/transactions.md', () => {
  let database: Place;

  beforeAll(async () => {
    database = await serverDatabase();
    await database.query(ORDERS_TABLE);
  });
  afterAll(async () => database.close());

  it.each(Object.keys(CONNECT))('adds the order’s job in its transaction: %s', async (name) => {
    const connected = await CONNECT[name]!(database.url);
    try {
      const { order, job } = await placeOrder(database, name, connected.handle);
      expect(order).toBeDefined();
      expect(job).toEqual(order);
    } finally {
      await connected.close();
    }
  });

  it('has a snippet for each library', () => {
    expect([...snippets.keys()].toSorted()).toEqual([...Object.keys(CONNECT), 'pglite'].toSorted());
  });

  it('names the versions that are tested here', () => {
    const packages: Record<string, string[]> = {
      Prisma: ['@prisma/client'],
      Drizzle: ['drizzle-orm', 'drizzle-orm-1'],
      MikroORM: ['@mikro-orm/postgresql'],
      'Slonik, 49 and up': ['slonik'],
      'postgres.js': ['postgres'],
      PGlite: ['@electric-sql/pglite'],
    };
    const rows = table(OF_DRIVERS, '## What to pass');
    expect(rows).toHaveLength(12);
    for (const [library, versions, what] of rows) {
      const names = packages[library!] ?? [library!.toLowerCase()];
      expect([library, versions]).toEqual([library, names.map(short).join(' and ')]);
      expect(quoted(what!)).toBeDefined();
    }
  });

  it('names the adapters of @nestjs-cls/transactional that are tested here, and their versions', () => {
    const tested = Object.keys(dependencies).filter((name) => name.startsWith('@nestjs-cls/'));
    const rows = table(OF_DRIVERS, '## Inside @Transactional()');
    expect(new Map(rows.map(([, adapter, version]) => [quoted(adapter!), version]))).toEqual(
      new Map(tested.map((name) => [name, short(name)])),
    );
  });
});
