import { Logger } from '@nestjs/common';
import { readWorkerOptions } from './discovery/worker-options.js';
import { refuseOptions } from './errors/invalid-options.error.js';
import type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';
import { CHECKED_OPTIONS, DEFAULT_PGQUE_OPTIONS, type Environment } from './pg-queue.option-checks.js';
import { resolveDefaultJobOptions } from './queue/job-options.js';
import { resolveStreamSettings } from './streams/stream-settings.js';
import { plainTextProblem } from './utils/text.js';
import { describeValue } from './utils/describe-value.js';
import { memberPath } from './utils/member-path.js';
import { readShape, type Check, type Shape } from './utils/shape.js';

export type { ResolvedModuleOptions } from './interfaces/resolved-module-options.interface.js';

const DEFAULTS = {
  connectTimeout: 30_000,
  notifyInTransaction: true,
  schema: 'pgqueue',
  worker: {},
  processors: {},
  streams: {},
  processing: true,
  inheritAppConfig: false,
  maintenance: true,
  pgque: DEFAULT_PGQUE_OPTIONS,
  maxDataBytes: 1_048_576,
  maxDataDepth: 100,
} satisfies Partial<ResolvedModuleOptions>;

/** Options by the name of what they are for. */
function byName<T>(what: string, of: string, check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, path, refuse) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(path, `must be an object of ${what} by ${of}, not ${describeValue(value)}`);
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, options]) => {
        const at = memberPath(path, name);
        const problem = plainTextProblem(name);
        return [name, problem === undefined ? check(options, at, refuse) : refuse(at, `: a ${of}'s name ${problem}`)];
      }),
    );
  };
}

const MODULE_OPTIONS: Shape<ResolvedModuleOptions> = {
  ...CHECKED_OPTIONS,
  defaultJobOptions: resolveDefaultJobOptions,
  worker: readWorkerOptions,
  processors: byName('worker options', 'queue', readWorkerOptions),
  streams: byName('options', 'stream', resolveStreamSettings),
};

/**
 * What the user wrote, as it is used: checked, defaults applied, in milliseconds and bytes.
 *
 * @throws InvalidOptionsError naming the option, the value and the remedy.
 */
export function resolveModuleOptions(options: unknown, env: Environment = process.env): ResolvedModuleOptions {
  const refuse = refuseOptions('PgQueueModule.forRoot()');
  const read = readShape(options, '', MODULE_OPTIONS, refuse);
  if (read.connection !== undefined && read.pool !== undefined) {
    refuse('pool', 'and connection are both given: give the pool of your own, or how to connect, not both');
  }
  const connection = read.connection ?? (read.pool === undefined ? env['DATABASE_URL'] || undefined : undefined);
  if (connection === undefined && read.pool === undefined && !env['PGHOST'] && !env['PGDATABASE'] && !env['PGUSER']) {
    refuse(
      'connection',
      'is missing: give connection or pool, or set DATABASE_URL, or PGHOST and the other PG* variables',
    );
  }
  return {
    ...DEFAULTS,
    migrations: env['NODE_ENV'] === 'production' ? 'check' : 'apply',
    logger: new Logger('PgQueue'),
    ...read,
    defaultJobOptions: read.defaultJobOptions ?? resolveDefaultJobOptions(undefined, 'defaultJobOptions', refuse),
    ...(connection === undefined ? {} : { connection }),
  };
}
