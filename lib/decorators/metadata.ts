import type { ProcessorOptions, ProcessOptions } from '../interfaces/processor-options.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { StreamConsumerOptions } from '../interfaces/stream-consumer-options.interface.js';
import type { WorkerEventMap } from '../interfaces/worker-events.interface.js';
import type { WorkerOptions } from '../interfaces/worker-options.interface.js';

// Reflect metadata keys
export const PROCESSOR_METADATA = 'pgqueue:processor';
export const PROCESS_METADATA = 'pgqueue:process';
export const WORKER_EVENT_METADATA = 'pgqueue:worker_event';
export const STREAM_CONSUMER_METADATA = 'pgqueue:stream_consumer';
export const STREAM_EVENT_METADATA = 'pgqueue:stream_event';
export const STREAM_BATCH_METADATA = 'pgqueue:stream_batch';

/** What `@Processor()` leaves on a class: as written, checked when processors are explored, where the class can be named. */
export interface ProcessorMetadata {
  readonly queue: string | ProcessorOptions | QueueContract;
  readonly worker: WorkerOptions | undefined;
}

/** What each `@Process()` leaves on its method. */
export type ProcessMetadata = ProcessOptions | ContractProcess | string | undefined;

/** `@Process(contract, name, options)`, as written. A class: what a user may write in its place is an object, too. */
export class ContractProcess {
  constructor(
    readonly contract: unknown,
    readonly name: unknown,
    readonly options: unknown,
  ) {}
}

/** What each `@OnWorkerEvent()` leaves on its method. */
export type WorkerEventMetadata = keyof WorkerEventMap;

/** What each `@StreamConsumer()` leaves on its class: as written, checked when consumers are explored. One too many is refused there. */
export interface StreamConsumerMetadata {
  readonly stream: string;
  readonly options: StreamConsumerOptions;
}

/** What each `@OnStreamEvent()` leaves on its method. `@OnStreamBatch()` leaves nothing but that it is there. */
export type StreamEventMetadata = string | readonly string[] | undefined;

/** A method decorator that can be stacked: each use adds an entry, in the order they are read from top to bottom. */
export function stackable(key: string, entry: unknown): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const method: object = descriptor.value;
    // of this very function: a method that overrides another brings decorators of its own
    const below: unknown[] = Reflect.getOwnMetadata(key, method) ?? [];
    Reflect.defineMetadata(key, [entry, ...below], method);
  };
}

/** As `stackable()`, on a class. */
export function stackableOnClass(key: string, entry: unknown): ClassDecorator {
  return (type) => {
    // of this very class: one that is decorated does not add to its parent's
    const below: unknown[] = Reflect.getOwnMetadata(key, type) ?? [];
    Reflect.defineMetadata(key, [entry, ...below], type);
  };
}
