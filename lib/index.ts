// the module
export { PgQueueModule } from './pg-queue.module.js';
export type {
  PgQueueModuleAsyncOptions,
  PgQueueModuleExtras,
  PgQueueModuleOptions,
  PgQueueOptionsFactory,
} from './interfaces/module-options.interface.js';
export type {
  KeepJobs,
  QueueOptions,
  QueueOptionsFactory,
  RegisterQueueAsyncOptions,
  RegisterQueueOptions,
} from './interfaces/register-queue.interface.js';
export type { CarryOptions } from './interfaces/carry-options.interface.js';
export type { Duration } from './interfaces/duration.interface.js';

// contracts: what producers and processors share
export { defineQueue } from './queue/define-queue.js';
export { TypedQueue } from './queue/typed-queue.js';
export type {
  AddedJobOf,
  BulkJobOf,
  JobInput,
  JobName,
  JobOf,
  JobOutput,
  JobSchemas,
  QueueContract,
} from './interfaces/queue-contract.interface.js';
export type {
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaResult,
} from './interfaces/standard-schema.interface.js';

// producing
export { InjectQueue } from './decorators/inject-queue.decorator.js';
export { getQueueToken } from './utils/get-queue-token.js';
export { getPgQueueRuntimeToken, getQueueServiceToken, getStreamServiceToken } from './utils/database-tokens.js';
export { QueueService } from './queue/queue.service.js';
export { Queue } from './queue/queue.js';
export { Job } from './queue/job.js';
export type { BulkJob, BulkOptions, DefaultJobOptions, JobOptions } from './interfaces/job-options.interface.js';
export type { JobCounts, JobState, RetryFilter } from './interfaces/job-state.interface.js';
export type { BackoffOptions } from './interfaces/backoff.interface.js';
export type { SqlExecutor, TransactionHandle, TransactionMode } from './interfaces/transaction.interface.js';

// processing
export { Processor } from './decorators/processor.decorator.js';
export { Process } from './decorators/process.decorator.js';
export { OnWorkerEvent } from './decorators/on-worker-event.decorator.js';
export { WorkerHost } from './decorators/worker-host.js';
export { JobData } from './decorators/job-data.decorator.js';
export { CurrentJob } from './decorators/current-job.decorator.js';
export { JobSignal } from './decorators/job-signal.decorator.js';
export { JOB_REF } from './discovery/job-ref.js';
export { isPgQueueContext, type PgQueueContextType } from './discovery/pg-queue-context.js';
export { ActiveJob } from './queue/active-job.js';
export { DelayedError } from './errors/delayed.error.js';
export { UnrecoverableError } from './errors/unrecoverable.error.js';
export type { ProcessOptions, ProcessorOptions } from './interfaces/processor-options.interface.js';
export type { JobDataOptions } from './interfaces/job-data-options.interface.js';
export type { BackoffStrategy, WorkerOptions } from './interfaces/worker-options.interface.js';
export type { WorkerEventMap } from './interfaces/worker-events.interface.js';

// streams
export { StreamService } from './streams/stream.service.js';
export type { StreamTail } from './streams/stream-tail.js';
export { StreamClient } from './streams/stream-client.js';
export { getStreamClientToken } from './utils/get-stream-client-token.js';
export { StreamConsumer } from './decorators/stream-consumer.decorator.js';
export { OnStreamEvent } from './decorators/on-stream-event.decorator.js';
export { OnStreamBatch } from './decorators/on-stream-batch.decorator.js';
export { InvalidStreamConsumerError } from './errors/invalid-stream-consumer.error.js';
export type { NewStreamEvent, StreamEvent } from './interfaces/stream-event.interface.js';
export type { ObserveOptions, PublishOptions, ReadOptions } from './interfaces/stream-options.interface.js';
export type { StreamConsumerOptions } from './interfaces/stream-consumer-options.interface.js';
export type {
  DeadLetter,
  DeadLetterOptions,
  ReplayFilter,
  SendOptions,
  StreamBatch,
  SubscribeOptions,
} from './interfaces/stream-client.interface.js';
export type { StreamOptions } from './interfaces/stream-retention.interface.js';
export type { PgqueOptions } from './interfaces/pgque-options.interface.js';
export type { StreamContext } from './interfaces/stream-context.interface.js';

// operating
export { PgQueueRuntime } from './pg-queue.lifecycle.js';
export type { PgQueueStats, ProcessStats, QueueStats, StorageStats } from './interfaces/stats.interface.js';

// errors
export { PgQueueError } from './errors/pg-queue.error.js';
export { DatabaseUnavailableError } from './errors/database-unavailable.error.js';
export { DuplicateHandlerError } from './errors/duplicate-handler.error.js';
export { DuplicateKeyError } from './errors/duplicate-key.error.js';
export { InvalidEventError } from './errors/invalid-event.error.js';
export { InvalidJobDataError } from './errors/invalid-job-data.error.js';
export { InvalidJobError } from './errors/invalid-job.error.js';
export { InvalidOptionsError } from './errors/invalid-options.error.js';
export { InvalidProcessorError } from './errors/invalid-processor.error.js';
export { InvalidTransactionError } from './errors/invalid-transaction.error.js';
export { JobCancelledError } from './errors/job-cancelled.error.js';
export { JobStateError } from './errors/job-state.error.js';
export { JobTimeoutError } from './errors/job-timeout.error.js';
export { LeaseLostError } from './errors/lease-lost.error.js';
export { PgqueUnavailableError } from './errors/pgque-unavailable.error.js';
export { SchemaVersionError } from './errors/schema-version.error.js';
export { ShutdownError } from './errors/shutdown.error.js';
export { StandbyError } from './errors/standby.error.js';
export { OrderedGroupError } from './errors/ordered-group.error.js';
export { UnknownBatchError } from './errors/unknown-batch.error.js';
export { UnknownGroupError } from './errors/unknown-group.error.js';
export { UnknownStreamError } from './errors/unknown-stream.error.js';
export { UnsupportedByPgqueError } from './errors/unsupported-by-pgque.error.js';
