import { Module, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect } from 'vitest';
import { PgQueueModule } from '../../lib/index.js';
import type { TestDatabase } from './database.js';
import { until } from './signals.js';

export interface RefusedParts {
  readonly providers?: Provider[];
  /** Before the module itself. */
  readonly imports?: (application_name: string) => unknown[];
}

/** Starts applications that must not start: what each fails with, once nothing of it stays open. */
export function refusals(database: TestDatabase): (options: object, parts?: RefusedParts) => Promise<Error> {
  const application_name = `refused-${database.schema}`;
  const connections = async (): Promise<number> => {
    const { rows } = await database.client.query(
      `select count(*)::int as n from pg_stat_activity where application_name = $1`,
      [application_name],
    );
    return rows[0].n;
  };
  return async (options, { providers = [], imports = () => [] } = {}) => {
    @Module({
      imports: [
        ...(imports(application_name) as []),
        PgQueueModule.forRoot({
          connection: { connectionString: database.url, application_name },
          schema: database.schema,
          logger: false,
          ...options,
        }),
      ],
      providers,
    })
    class AppModule {}
    const error = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false }).then(
      async (app) => {
        await app.close();
        return expect.fail('it started');
      },
      (refusal: unknown) => refusal as Error,
    );
    await until('its connections to be closed', async () => (await connections()) === 0);
    return error;
  };
}
