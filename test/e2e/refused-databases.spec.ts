import { describe, expect, it } from 'vitest';
import { DatabaseUnavailableError, PgQueueModule, SchemaVersionError } from '../../lib/index.js';
import { testDatabase } from '../support/database.js';
import { refusals } from '../support/refusal.js';

const database = testDatabase({ migrated: true });
const refusalOf = refusals(database);

describe('an application does not start with', () => {
  it('a schema that needs a newer package; with a newer one that is compatible it does', async () => {
    const { schema, client } = database;
    const version = PgQueueModule.schemaVersion;
    await client.query(`update ${schema}.schema_version set version = $1, compatible_from = $1`, [version + 1]);
    for (const migrations of ['apply', 'check']) {
      const error = await refusalOf({ migrations });
      expect(error).toBeInstanceOf(SchemaVersionError);
      expect(error).toMatchObject({ current: version + 1, required: version });
      expect(error.message).toMatch(/Update nestjs-pgqueue/);
    }
    await client.query(`update ${schema}.schema_version set compatible_from = $1`, [version]);
    await expect(refusalOf({ migrations: 'check' })).rejects.toThrow('it started');
    await client.query(`update ${schema}.schema_version set version = $1`, [version]);
  });

  it('migrations: check on a database without the schema, and creates nothing', async () => {
    const schema = `${database.schema}_absent`;
    const error = await refusalOf({ schema, migrations: 'check' });
    expect(error).toBeInstanceOf(SchemaVersionError);
    expect(error.message).toMatch(/migrationSql/);
    const { rowCount } = await database.client.query(`select from pg_namespace where nspname = $1`, [schema]);
    expect(rowCount).toBe(0);
  });

  it('a database that cannot be reached, after trying for connectTimeout', async () => {
    const began = performance.now();
    const error = await refusalOf({ connection: 'postgres://nobody:secret@127.0.0.1:1/x', connectTimeout: 300 });
    expect(error).toBeInstanceOf(DatabaseUnavailableError);
    expect(error).toMatchObject({ mayHaveCommitted: false });
    expect(error.message).toMatch(/300 ms/);
    expect(error.message).not.toContain('secret');
    // it does not wait for a pause that would end too late
    expect(performance.now() - began).toBeGreaterThanOrEqual(100);
  });

  it('a wrong password, at once', async () => {
    const url = new URL(database.url);
    url.password = 'wrong';
    const error = await refusalOf({ connection: url.href, connectTimeout: '1h' });
    expect(error).toMatchObject({ code: '28P01' });
  });
});
