import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { PgQueueModule, PgQueueRuntime, Process, Processor, QueueService } from '../../dist/index.js';

/** A Nest application with this package and one processor for each queue; it takes no jobs before `start()`. */
export async function startNestApplication({ options, queues = ['bench'], worker, run }) {
  class BenchModule {}
  Module({
    imports: [PgQueueModule.forRoot({ ...options, processing: false })],
    providers: queues.map((queue) => processor(queue, worker, run)),
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error', 'warn'] });
  const service = app.get(QueueService);
  return {
    queue: (name = 'bench') => service.queue(name),
    start: () => app.get(PgQueueRuntime).start(),
    close: () => app.close(),
  };
}

/** What the decorators do in TypeScript. */
function processor(queue, worker, run) {
  class BenchProcessor {
    async run(job) {
      return run?.(job.data);
    }
  }
  const method = Object.getOwnPropertyDescriptor(BenchProcessor.prototype, 'run');
  Process('noop')(BenchProcessor.prototype, 'run', method);
  Processor(queue, worker)(BenchProcessor);
  return BenchProcessor;
}
