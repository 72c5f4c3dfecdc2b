import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { OnStreamEvent, PgQueueModule, StreamConsumer, type StreamEvent } from '../../../lib/index.js';

// what the test says
const { DATABASE_URL: connectionString = '', QUEUE = '', TICKER } = process.env;

const pool = new pg.Pool({ connectionString, max: 2 });

@StreamConsumer(QUEUE, { group: 'consumer', engine: 'pgque', pollInterval: '1h' })
class Recorder {
  @OnStreamEvent()
  async record({ data }: StreamEvent): Promise<void> {
    await pool.query('insert into handled (n, pid) values ($1, $2)', [data, process.pid]);
  }
}

@Module({
  imports: [
    PgQueueModule.forRoot({ connection: connectionString, logger: false, pgque: { ticker: TICKER === 'true' } }),
  ],
  providers: [Recorder],
})
class AppModule {}

await NestFactory.createApplicationContext(AppModule, { logger: false });
console.log('ready');
