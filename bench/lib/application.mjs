import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  OnStreamBatch,
  OnStreamEvent,
  PgQueueModule,
  PgQueueRuntime,
  Process,
  Processor,
  QueueService,
  StreamConsumer,
  StreamService,
} from '../../dist/index.js';

/**
 * A Nest application with this package, one processor for each queue and one class for each consumer (a stream, its
 * options, and what takes its events: onEvent or onBatch); it takes nothing before `start()`.
 */
export async function startNestApplication({ options, queues = ['bench'], worker, run, consumers = [] }) {
  class BenchModule {}
  Module({
    imports: [PgQueueModule.forRoot({ ...options, processing: false })],
    providers: [...queues.map((queue) => processor(queue, worker, run)), ...consumers.map(consumer)],
  })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: ['error', 'warn'] });
  const service = app.get(QueueService);
  return {
    queue: (name = 'bench') => service.queue(name),
    streams: app.get(StreamService),
    get: (token) => app.get(token, { strict: false }),
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
  decorate(BenchProcessor, 'run', Process('noop'));
  Processor(queue, worker)(BenchProcessor);
  return BenchProcessor;
}

function consumer({ stream, options, onEvent, onBatch }) {
  class BenchConsumer {
    async take(one) {
      return (onBatch ?? onEvent)(one);
    }
  }
  decorate(BenchConsumer, 'take', onBatch === undefined ? OnStreamEvent() : OnStreamBatch());
  StreamConsumer(stream, options)(BenchConsumer);
  return BenchConsumer;
}

function decorate({ prototype }, method, decorator) {
  decorator(prototype, method, Object.getOwnPropertyDescriptor(prototype, method));
}
