import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { InvalidTransactionError } from '../../lib/index.js';
import { withQuestionMarks } from '../../lib/transactions/question-marks.js';
import { toExecutor } from '../../lib/transactions/to-executor.js';

type Members = Readonly<Record<string, unknown>>;

/** What has these methods, as the libraries' own handles have them; test/drivers/ has the real ones. */
function withMethods(names: string, members: Members = {}): object {
  return Object.assign(Object.fromEntries(names.split(' ').map((name) => [name, () => undefined])), members);
}

/** The same of a handle that is a function. */
function callable(names: string, members: Members = {}): object {
  return Object.assign(() => undefined, withMethods(names), members);
}

const ENTITY_MANAGER = 'query transaction getRepository save';
const QUERY_RUNNER = 'query startTransaction commitTransaction';
const KYSELY = 'executeQuery getExecutor selectFrom';
const DRIZZLE = 'execute select insert transaction';
const KNEX = 'raw select transaction';
const MIKRO_ORM = 'getConnection transactional';
const SLONIK = 'query transaction anyFirst maybeOneFirst';
const PG_PROMISE = 'any oneOrNone manyOrNone tx';
const sequelize = withMethods('query transaction authenticate define');
const idle = { getTransactionStatus: () => 'I' };
const nothing = (): undefined => undefined;

describe('tx', () => {
  it('accepts a pg client, as it is', () => {
    const client = Object.assign(new pg.Client(), { getTransactionStatus: () => 'T' });
    expect(toExecutor(client)).toBe(client);
  });

  it.each([
    ['null', null],
    ['a string', 'tx'],
    ['an empty object', {}],
    ['anything with a query()', { query: async () => ({ rows: [] }) }],
    ['a function', () => undefined],
    ['a class of its own', new (class Uow {})()],
  ])('refuses %s, and lists what it takes', (_what, handle) => {
    expect(() => toExecutor(handle)).toThrow(InvalidTransactionError);
    const names = 'pg TypeORM Prisma Drizzle Kysely Knex MikroORM Sequelize Slonik postgres.js pg-promise PGlite'.split(
      ' ',
    );
    for (const name of names) expect(() => toExecutor(handle)).toThrow(name);
  });

  it.each([
    [`a pool of 'pg'`, new pg.Pool(), 'the connected client'],
    ['a TypeORM DataSource', withMethods(`${ENTITY_MANAGER} createQueryRunner`), 'the EntityManager'],
    ['a TypeORM EntityManager without an open transaction', withMethods(ENTITY_MANAGER), 'the EntityManager'],
    [
      'a TypeORM EntityManager without an open transaction',
      withMethods(ENTITY_MANAGER, { queryRunner: withMethods(QUERY_RUNNER, { isTransactionActive: false }) }),
      'the EntityManager',
    ],
    [
      'a TypeORM QueryRunner without an open transaction',
      withMethods(QUERY_RUNNER, { isTransactionActive: false }),
      'it after startTransaction()',
    ],
    ['a PrismaClient', withMethods('$queryRawUnsafe $executeRawUnsafe $connect'), 'the tx'],
    ['a Drizzle database', withMethods(DRIZZLE, { session: {} }), 'the tx'],
    ['a Kysely database', withMethods(KYSELY, { isTransaction: false }), 'the trx'],
    ['knex itself', callable(KNEX), 'the trx'],
    [
      'a MikroORM EntityManager without an open transaction',
      withMethods(MIKRO_ORM, { getTransactionContext: nothing }),
      'the em',
    ],
    ['a Sequelize instance', sequelize, 't of'],
    ['a Slonik pool', withMethods(`${SLONIK} end`), 'the transaction'],
    ['a Slonik connection (as transactions look before Slonik 49)', withMethods(SLONIK), 'the transaction'],
    ['sql of postgres.js itself', callable('unsafe typed json begin'), 'the sql'],
    ['a reserved connection of postgres.js', callable('unsafe typed json release'), 'the sql'],
    ['db of pg-promise itself', withMethods(PG_PROMISE), 'the t'],
    ['a connection of pg-promise', withMethods(`${PG_PROMISE} done`), 'the t'],
    [
      'a pg-promise task outside of a transaction',
      withMethods(PG_PROMISE, { ctx: { isTX: false, inTransaction: false } }),
      'the t',
    ],
    ['a PGlite database', withMethods('query exec transaction runExclusive'), 'the tx'],
  ])('refuses %s, which would commit at once, and says what to pass', (what, handle, instead) => {
    expect(() => toExecutor(handle)).toThrow(InvalidTransactionError);
    const message = `tx is ${what}, which would commit at once, outside of your transaction; pass ${instead}`;
    expect(() => toExecutor(handle)).toThrow(message);
  });

  it.each([
    ['a Drizzle transaction', withMethods(`${DRIZZLE} rollback`, { session: { client: idle } })],
    ['a Kysely transaction', withMethods(KYSELY, { isTransaction: true, isCommitted: true })],
    ['a Kysely transaction', withMethods(KYSELY, { isTransaction: true, isRolledBack: true })],
    ['a Knex transaction', callable(KNEX, { isTransaction: true, isCompleted: () => true })],
    [
      'a MikroORM EntityManager with a transaction',
      withMethods(MIKRO_ORM, {
        getTransactionContext: () => withMethods(KYSELY, { isTransaction: true, isCommitted: true }),
      }),
    ],
    ['a Sequelize transaction', withMethods('commit rollback', { sequelize, finished: 'commit' })],
    [
      'a pg-promise transaction',
      withMethods(PG_PROMISE, { ctx: { isTX: true, inTransaction: true, finish: new Date() } }),
    ],
    ['a PGlite transaction', withMethods('query exec rollback', { closed: true })],
  ])('refuses %s that has ended', (what, handle) => {
    expect(() => toExecutor(handle)).toThrow(InvalidTransactionError);
    expect(() => toExecutor(handle)).toThrow(`tx is ${what} that has ended; await what is written`);
  });

  it('takes MikroORM’s transaction of Kysely, and of Knex as it was before version 7', async () => {
    const raw = async (...statement: unknown[]): Promise<object> => ({ rows: [statement] });
    const trx = callable(KNEX, { isTransaction: true, isCompleted: () => false, raw });
    const em = withMethods(MIKRO_ORM, { getTransactionContext: () => trx });
    expect(await toExecutor(em).query('select $1::text', ['a'])).toEqual({ rows: [['select ?::text', ['a']]] });
    const executeQuery = async ({ sql, parameters }: Members): Promise<object> => ({ rows: [[sql, parameters]] });
    const kysely = withMethods(KYSELY, { isTransaction: true, executeQuery });
    const em7 = withMethods(MIKRO_ORM, { getTransactionContext: () => kysely });
    expect(await toExecutor(em7).query('select $1::text', ['a'])).toEqual({ rows: [['select $1::text', ['a']]] });
  });
});

describe('a pg client on which no transaction is open', () => {
  /** One that answers in turn; what is sent first may be a BEGIN. */
  function client(...sent: string[]): object & { readonly said: string[] } {
    const said: string[] = [];
    let last: Promise<unknown> = Promise.resolve();
    let status = 'I';
    const answer = async (text: string, before: Promise<unknown>): Promise<void> => {
      await before;
      said.push(text);
      if (text === 'begin') status = 'T';
    };
    const query = (text: string): Promise<unknown> => (last = answer(text, last));
    for (const text of sent) void query(text);
    const methods = withMethods('escapeIdentifier escapeLiteral');
    return Object.assign(methods, { said, query, getTransactionStatus: () => status });
  }

  it('is refused when it is used, and nothing is sent', async () => {
    const idleClient = client();
    const adding = toExecutor(idleClient).query('insert');
    await expect(adding).rejects.toBeInstanceOf(InvalidTransactionError);
    await expect(adding).rejects.toThrow(
      /^tx is a client of 'pg' on which no transaction is open, .*; pass it after BEGIN$/,
    );
    expect(idleClient.said).toEqual(['']);
  });

  it('is taken when its BEGIN is on its way', async () => {
    const begun = client('begin');
    await toExecutor(begun).query('insert');
    await toExecutor(begun).query('insert');
    expect(begun.said).toEqual(['begin', '', 'insert', 'insert']);
  });
});

describe('a statement with question marks', () => {
  it('has a value for each, in their order, however often one is named', () => {
    expect(withQuestionMarks('select $2::text, $1::text, $2::text', ['a', null])).toEqual({
      sql: 'select ?::text, ?::text, ?::text',
      bindings: [null, 'a', null],
    });
  });

  it('leaves names and literals as they are', () => {
    expect(withQuestionMarks(`select "a?""$1".f($1), '?$1'''`, ['x'])).toEqual({
      sql: `select "a\\?""$1".f(?), '\\?$1'''`,
      bindings: ['x'],
    });
  });
});
