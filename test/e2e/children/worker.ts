import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ActiveJob, PgQueueModule, Process, Processor } from '../../../lib/index.js';

// one line of output for each step: the test waits for them
const {
  URL_OF_DATABASE: connection = '',
  SCHEMA: schema = '',
  QUEUE: queue = '',
  MODE: mode = '',
  LISTEN,
} = process.env;

@Processor(queue, { pollInterval: 50 })
class Worker {
  @Process('quick')
  quick(): string {
    return `by ${process.pid}`;
  }

  @Process('slow')
  async slow(job: ActiveJob<number>): Promise<string> {
    console.log('slow began');
    await new Promise((resolve) => setTimeout(resolve, job.data));
    console.log('slow ended');
    return 'drained';
  }

  @Process('stuck')
  async stuck(): Promise<void> {
    await new Promise(() => setInterval(() => undefined, 1000).unref());
  }
}

@Module({
  imports: [PgQueueModule.forRoot({ connection, schema, logger: false, ...(LISTEN === 'false' && { listen: false }) })],
  providers: [Worker],
})
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
if (mode === 'signals') app.enableShutdownHooks();
console.log('started');
if (mode === 'close') {
  await app.close();
  console.log('closed');
  setImmediate(() =>
    console.log(
      `left: ${process
        .getActiveResourcesInfo()
        .filter((one) => one === 'Timeout')
        .join()}`,
    ),
  );
}
