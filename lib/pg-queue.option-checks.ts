import type { AsyncLocalStorage } from 'node:async_hooks';
import type { LoggerService } from '@nestjs/common';
import type { ClientConfig, Pool } from 'pg';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { isPgPool } from './transactions/pg.transaction.js';
import type { CarryOptions } from './interfaces/carry-options.interface.js';
import type { ResolvedPgqueOptions } from './interfaces/pgque-options.interface.js';
import { bool, integer, oneOf, plainText, timer } from './utils/checks.js';
import { describeValue } from './utils/describe-value.js';
import { memberPath } from './utils/member-path.js';
import { schemaNameProblem } from './utils/schema-name.js';
import { type Check, readShape, type Shape } from './utils/shape.js';

/** Environment variables: `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A connection string, or what `pg` takes as an object; an empty string is what an unset variable often becomes. */
const address: Check<string | ClientConfig> = (value, path, refuse) => {
  if (typeof value === 'string' && value.trim() !== '') return value;
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !isPgPool(value)) return value;
  const hint =
    typeof value === 'object' && value !== null && isPgPool(value) ? '; a pool of your own goes to pool' : '';
  return refuse(path, `must be a connection string or an object of pg's, not ${describeValue(value)}${hint}`);
};

const listen: Check<string | ClientConfig | false> = (value, path, refuse) =>
  value === false ? false : address(value, path, refuse);

const pool: Check<Pool> = (value, path, refuse) =>
  typeof value === 'object' && value !== null && isPgPool(value)
    ? (value as Pool)
    : refuse(path, `must be a Pool of 'pg', not ${describeValue(value)}`);

const schema: Check<string> = (value, path, refuse) => {
  const problem = typeof value === 'string' ? schemaNameProblem(value) : 'must be a string';
  return problem === undefined ? (value as string) : refuse(path, `${problem}: ${describeValue(value)}`);
};

const LOGGER_METHODS = ['log', 'warn', 'error'] as const;

const logger: Check<LoggerService | false> = (value, path, refuse) => {
  if (value === false) return false;
  const logs = (method: string): boolean => typeof Reflect.get(Object(value), method) === 'function';
  return LOGGER_METHODS.every(logs)
    ? (value as LoggerService)
    : refuse(path, `must be a LoggerService (log, warn and error) or false, not ${describeValue(value)}`);
};

const PGQUE_OPTIONS: Shape<ResolvedPgqueOptions> = {
  ticker: (value, path, refuse) =>
    typeof value === 'boolean' || value === 'auto'
      ? value
      : refuse(path, `must be 'auto', true or false, not ${describeValue(value)}`),
  createQueues: bool,
};

export const DEFAULT_PGQUE_OPTIONS: ResolvedPgqueOptions = Object.freeze({ ticker: 'auto', createQueues: false });

const pgque: Check<ResolvedPgqueOptions> = (value, path, refuse) => ({
  ...DEFAULT_PGQUE_OPTIONS,
  ...readShape(value, path, PGQUE_OPTIONS, refuse),
});

const clsKeys: Check<readonly string[]> = (value, path, refuse) =>
  Array.isArray(value)
    ? value.map((key, i) => plainText(key, `${path}[${i}]`, refuse))
    : refuse(path, `must be an array of keys, not ${describeValue(value)}`);

const stores: Check<NonNullable<CarryOptions['stores']>> = (value, path, refuse) => {
  if (typeof value !== 'object' || value === null) {
    return refuse(path, `must be an object of AsyncLocalStorages by name, not ${describeValue(value)}`);
  }
  const read = Object.entries(value).map(([name, store]: [string, unknown]) => {
    const isStore = typeof store === 'object' && store !== null && 'getStore' in store && 'run' in store;
    if (!isStore) return refuse(memberPath(path, name), `must be an AsyncLocalStorage, not ${describeValue(store)}`);
    return [name, store as AsyncLocalStorage<unknown>];
  });
  return Object.fromEntries(read) as NonNullable<CarryOptions['stores']>;
};

const carry: Check<CarryOptions> = (value, path, refuse) =>
  readShape<Required<CarryOptions>>(value, path, { cls: clsKeys, stores }, refuse);

/** The options of the module itself; those for jobs, workers and streams have tables of their own. */
export const CHECKED_OPTIONS: Shape<
  Omit<ResolvedModuleOptions, 'defaultJobOptions' | 'worker' | 'processors' | 'streams'>
> = {
  connection: address,
  pool,
  listen,
  notifyInTransaction: bool,
  connectTimeout: timer,
  schema,
  migrations: oneOf('apply', 'check', 'off'),
  processing: bool,
  inheritAppConfig: bool,
  maintenance: bool,
  pgque,
  carry,
  transactionHost: (value, path, refuse) => (value === false ? false : plainText(value, path, refuse)),
  maxDataBytes: integer(1, 268_435_456),
  maxDataDepth: integer(1, 1000),
  logger,
};
