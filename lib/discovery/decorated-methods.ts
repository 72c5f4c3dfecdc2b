import type { MetadataScanner } from '@nestjs/core';
import {
  PROCESS_METADATA,
  WORKER_EVENT_METADATA,
  type ProcessMetadata,
  type WorkerEventMetadata,
} from '../decorators/metadata.js';

/** One method of a class, with one use of a decorator on it. */
export interface DecoratedMethod<Metadata> {
  readonly method: string;
  readonly metadata: Metadata;
}

/** The decorated methods of a class, inherited ones included; one that is decorated twice is there twice. */
export interface DecoratedMethods {
  readonly process: readonly DecoratedMethod<ProcessMetadata>[];
  readonly events: readonly DecoratedMethod<WorkerEventMetadata>[];
}

export function findDecoratedMethods(scanner: MetadataScanner, prototype: object): DecoratedMethods {
  const methods = scanner.getAllMethodNames(prototype);
  return {
    process: methods.flatMap((method) => entries<ProcessMetadata>(PROCESS_METADATA, prototype, method)),
    events: methods.flatMap((method) => entries<WorkerEventMetadata>(WORKER_EVENT_METADATA, prototype, method)),
  };
}

function entries<Metadata>(key: string, prototype: object, method: string): DecoratedMethod<Metadata>[] {
  const found: Metadata[] = Reflect.getOwnMetadata(key, Reflect.get(prototype, method)) ?? [];
  return found.map((metadata) => ({ method, metadata }));
}
