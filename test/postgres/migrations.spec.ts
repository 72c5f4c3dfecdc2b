import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { migrationSql, SCHEMA_VERSION } from '../../lib/engine/postgres/migrations/index.js';
import { checkSchema, migrate } from '../../lib/engine/postgres/migrations/migrator.js';
import { type SchemaNames, schemaNames } from '../../lib/engine/postgres/schema-names.js';
import { SchemaVersionError } from '../../lib/errors/schema-version.error.js';

const url = inject('databaseUrl');
const open: pg.Client[] = [];
const databases: string[] = [];

async function connect(database?: string, more: pg.ClientConfig = {}): Promise<pg.Client> {
  const at = new URL(url);
  if (database !== undefined) at.pathname = database;
  const client = new pg.Client({ connectionString: at.href, ...more });
  await client.connect();
  open.push(client);
  return client;
}

/** An empty database of this test's own. */
async function emptyDatabase(): Promise<string> {
  const name = `migrations_${randomUUID().slice(0, 8)}`;
  await (await connect()).query(`create database ${name}`);
  databases.push(name);
  return name;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.end()));
  const admin = await connect();
  for (const name of databases.splice(0)) await admin.query(`drop database ${name}`);
  await Promise.all(open.splice(0).map((client) => client.end()));
});

const names = schemaNames('pgqueue');
const list = async (client: pg.Client, sql: string): Promise<unknown[]> =>
  (await client.query({ text: sql, rowMode: 'array' })).rows.map(([value]: unknown[]) => value);
const VERSION = 'select version from pgqueue.schema_version';

/** Everything a schema holds, as text to compare. */
async function contents(client: pg.Client, { schema, literal, name }: SchemaNames): Promise<unknown[]> {
  const plain = (texts: unknown[]) => texts.map((text) => String(text).replaceAll(schema, 'S').replaceAll(name, 'S'));
  const of = `n.nspname = ${literal}`;
  return plain([
    ...(await list(
      client,
      `select table_name || '.' || column_name || ' ' || data_type || coalesce(column_default, '')
      from information_schema.columns where table_schema = ${literal} order by 1`,
    )),
    ...(await list(client, `select indexdef from pg_indexes where schemaname = ${literal} order by indexname`)),
    ...(await list(
      client,
      `select pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = pronamespace where ${of} order by proname`,
    )),
    ...(await list(
      client,
      `select relname || reloptions::text from pg_class c join pg_namespace n on n.oid = relnamespace where ${of} and relkind = 'r' order by 1`,
    )),
  ]);
}

describe('migrating', () => {
  it('by twenty processes at once on an empty database is done once', async () => {
    const database = await emptyDatabase();
    const clients = await Promise.all(Array.from({ length: 20 }, async () => connect(database)));
    await Promise.all(clients.map(async (client) => migrate(client, names)));
    expect(await list(clients[0]!, VERSION)).toEqual([SCHEMA_VERSION]);
    await Promise.all(clients.map(async (client) => migrate(client, names)));
    expect(await list(clients[0]!, 'select count(*)::int from pgqueue.ring')).toEqual([8]);
    await checkSchema(clients[0]!, names);
  });

  it('leaves nothing in public, no extension, and nothing behind in the session', async () => {
    const client = await connect(await emptyDatabase());
    const extensions = await list(client, 'select extname from pg_extension order by 1');
    await migrate(client, names);
    expect(await list(client, 'select extname from pg_extension order by 1')).toEqual(extensions);
    const inPublic = `select count(*)::int from pg_namespace n where nspname = 'public' and (
      exists (select from pg_class where relnamespace = n.oid) or exists (select from pg_proc where pronamespace = n.oid)
      or exists (select from pg_type where typnamespace = n.oid))`;
    expect(await list(client, inPublic)).toEqual([0]);
    expect(await list(client, `select current_setting('lock_timeout')`)).toEqual(['0']);
  });

  it('leaves nothing when one of its statements fails, and can be done afterwards', async () => {
    const client = await connect(await emptyDatabase());
    const query = client.query.bind(client) as (text: string, values?: unknown[]) => Promise<unknown>;
    const failing = async (text: string, values?: unknown[]) => {
      if (text.includes('.promote(')) throw new Error('failed on the way');
      return query(text, values);
    };
    Object.assign(client, { query: failing });
    await expect(migrate(client, names)).rejects.toThrow('failed on the way');
    Object.assign(client, { query });
    expect(await list(client, `select nspname from pg_namespace where nspname = 'pgqueue'`)).toEqual([]);
    await migrate(client, names);
    expect(await list(client, VERSION)).toEqual([SCHEMA_VERSION]);
  });

  it('needs of its role nothing but CREATE on the database, and works for it', async () => {
    const database = await emptyDatabase();
    const role = `migrator_${randomUUID().slice(0, 8)}`;
    const admin = await connect(database);
    await admin.query(`create role ${role} login password 'secret' nosuperuser nocreatedb nocreaterole`);
    await admin.query('revoke all on schema public from public');
    await admin.query(`grant create on database ${database} to ${role}`);
    const at = new URL(url);
    const client = new pg.Client({
      host: at.hostname,
      port: Number(at.port),
      user: role,
      password: 'secret',
      database,
    });
    await client.connect();
    await migrate(client, names);
    await client.query(`select pgqueue.add('q', 'n')`);
    expect(await list(client, `select (pgqueue.count_jobs(1, 'waiting')).jobs::int`)).toEqual([1]);
    await client.end();
    await admin.query(`drop owned by ${role} cascade`);
    await admin.query(`drop role ${role}`);
  });

  it.each(['', 'hostile'])('and all that it makes work with search_path = %j', async (path) => {
    const client = await connect(await emptyDatabase());
    await client.query(`create schema hostile;
      create table hostile.queue (); create table hostile.entry (); create table hostile.ring ()`);
    await client.query(`select set_config('search_path', $1, false)`, [path]);
    await migrate(client, names);
    await client.query(
      `select pgqueue.add('q', 'n', '1', '{"uniqueKey": "k"}'), pgqueue.add('q', 'n', '1', '{"delay": 0}')`,
    );
    const worker = randomUUID();
    await client.query(`select pgqueue.register_worker($1, 'h', 1, '{}', true)`, [worker]);
    const claim = `select * from pgqueue.claim(1, $1, 1, 10, 1000000, null, null, false)`;
    const { rows } = await client.query(claim, [worker]);
    expect(rows[0].payloads.split('\u001e')).toHaveLength(2);
    await client.query('select * from pgqueue.promote(1, 10)');
    expect(await list(client, `select (pgqueue.count_jobs(1, 'active')).jobs::int`)).toEqual([2]);
  });

  it.each(['With "quotes" and \'others\'', 'UPPER', 'select', 'é'.repeat(20)])(
    'works in a schema called %s',
    async (name) => {
      const client = await connect(await emptyDatabase());
      const odd = schemaNames(name);
      await migrate(client, odd);
      await checkSchema(client, odd);
      await client.query(`select ${odd.schema}.add('q', 'n')`);
      expect(await list(client, `select nspname from pg_namespace where nspname = ${odd.literal}`)).toEqual([name]);
    },
  );

  it('by hand, with the SQL that is printed, makes the same as by itself, in one go or in a transaction', async () => {
    const client = await connect(await emptyDatabase());
    await migrate(client, names);
    const printed = schemaNames('printed');
    await client.query(`begin;\n${migrationSql({ schema: 'printed' })}\ncommit`);
    await checkSchema(client, printed);
    expect(await contents(client, printed)).toEqual(await contents(client, names));
    expect(migrationSql({ schema: 'printed', from: SCHEMA_VERSION })).toBe('');
  });
});

describe('a schema', () => {
  async function installed(version: number, compatibleFrom: number): Promise<pg.Client> {
    const client = await connect(await emptyDatabase());
    await migrate(client, names);
    await client.query('update pgqueue.schema_version set version = $1, compatible_from = $2', [
      version,
      compatibleFrom,
    ]);
    return client;
  }

  it('that is newer and compatible is accepted and left alone, so that a deploy can be rolled back', async () => {
    const client = await installed(SCHEMA_VERSION + 2, SCHEMA_VERSION);
    await migrate(client, names);
    await checkSchema(client, names);
    expect(await list(client, VERSION)).toEqual([SCHEMA_VERSION + 2]);
  });

  it('that is newer than this package can work with is refused, with both versions', async () => {
    const client = await installed(SCHEMA_VERSION + 2, SCHEMA_VERSION + 1);
    const refusal = { name: 'SchemaVersionError', current: SCHEMA_VERSION + 2, required: SCHEMA_VERSION };
    await expect(migrate(client, names)).rejects.toMatchObject(refusal);
    await expect(checkSchema(client, names)).rejects.toMatchObject(refusal);
  });

  it('that is missing or outdated is refused when it is only checked, with the remedy', async () => {
    const client = await connect(await emptyDatabase());
    const missing = checkSchema(client, names);
    await expect(missing).rejects.toThrow(SchemaVersionError);
    await expect(missing).rejects.toThrow(/migrationSql\(\{ from: 0 \}\).*migrations: 'apply'/s);
    const old = await installed(SCHEMA_VERSION - 1, 0);
    await expect(checkSchema(old, names)).rejects.toMatchObject({
      current: SCHEMA_VERSION - 1,
      required: SCHEMA_VERSION,
    });
  });
});
