import type { MetadataScanner } from '@nestjs/core';
import {
  PROCESS_METADATA,
  STREAM_BATCH_METADATA,
  STREAM_EVENT_METADATA,
  WORKER_EVENT_METADATA,
  type ProcessMetadata,
  type StreamEventMetadata,
  type WorkerEventMetadata,
} from '../decorators/metadata.js';

/** One method of a class, with one use of a decorator on it. */
export interface DecoratedMethod<Metadata> {
  readonly method: string;
  readonly metadata: Metadata;
}

/** The methods of a class that are decorated for jobs, inherited ones included; one that is decorated twice is there twice. */
export interface DecoratedMethods {
  readonly process: readonly DecoratedMethod<ProcessMetadata>[];
  readonly events: readonly DecoratedMethod<WorkerEventMetadata>[];
}

/** Those that are decorated for events. */
export interface StreamMethods {
  readonly events: readonly DecoratedMethod<StreamEventMetadata>[];
  readonly batches: readonly DecoratedMethod<true>[];
}

export function findDecoratedMethods(scanner: MetadataScanner, prototype: object): DecoratedMethods {
  const methods = scanner.getAllMethodNames(prototype);
  return {
    process: methods.flatMap((method) => entries<ProcessMetadata>(PROCESS_METADATA, prototype, method)),
    events: methods.flatMap((method) => entries<WorkerEventMetadata>(WORKER_EVENT_METADATA, prototype, method)),
  };
}

export function findStreamMethods(scanner: MetadataScanner, prototype: object): StreamMethods {
  const methods = scanner.getAllMethodNames(prototype);
  return {
    events: methods.flatMap((method) => entries<StreamEventMetadata>(STREAM_EVENT_METADATA, prototype, method)),
    batches: methods.flatMap((method) => entries<true>(STREAM_BATCH_METADATA, prototype, method)),
  };
}

function entries<Metadata>(key: string, prototype: object, method: string): DecoratedMethod<Metadata>[] {
  const found: Metadata[] = Reflect.getOwnMetadata(key, Reflect.get(prototype, method)) ?? [];
  return found.map((metadata) => ({ method, metadata }));
}
