import type { DynamicModule, INestApplicationContext, LoggerService, Provider } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PgQueueModule, type PgQueueModuleOptions } from '../../lib/index.js';
import type { TestDatabase } from './database.js';

/** What was logged, by level. */
export class RecordingLogger implements LoggerService {
  readonly lines: { readonly level: string; readonly text: string }[] = [];
  readonly log = this.#at('log');
  readonly warn = this.#at('warn');
  readonly error = this.#at('error');
  readonly debug = this.#at('debug');

  #at(level: string): (message: unknown) => void {
    return (message) => {
      this.lines.push({ level, text: String(message) });
    };
  }

  texts(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }
}

export interface ApplicationParts {
  readonly providers?: Provider[];
  readonly imports?: (DynamicModule | (new () => unknown))[];
  readonly options?: PgQueueModuleOptions;
}

/** A Nest application on the test database, as a user would put it together; started. */
export async function startApplication(
  database: Pick<TestDatabase, 'url' | 'schema'>,
  { providers = [], imports = [], options = {} }: ApplicationParts,
): Promise<INestApplicationContext> {
  @Module({
    imports: [
      ...imports,
      PgQueueModule.forRoot({
        ...(options.pool === undefined && { connection: database.url }),
        schema: database.schema,
        logger: false,
        ...options,
      }),
    ],
    providers,
  })
  class ApplicationModule {}
  return NestFactory.createApplicationContext(ApplicationModule, { logger: false, abortOnError: false });
}
