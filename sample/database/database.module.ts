import { Global, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Pool } from 'pg';

/** The application's own pool and tables; jobs and events use the same pool. */
@Global()
@Module({
  providers: [{ provide: Pool, useFactory: () => new Pool({ connectionString: process.env['DATABASE_URL'] }) }],
  exports: [Pool],
})
export class DatabaseModule implements OnModuleInit, OnApplicationShutdown {
  constructor(private readonly pool: Pool) {}

  async onModuleInit(): Promise<void> {
    await this.pool.query(`
      create table if not exists emails (
        id bigint generated always as identity primary key,
        recipient text not null,
        template text not null,
        sent_at timestamptz
      );
      create table if not exists orders (
        id bigint generated always as identity primary key,
        customer text not null,
        item text not null,
        billed_at timestamptz,
        shipped_at timestamptz
      )`);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
  }
}
