import type { Type } from '@nestjs/common';
import { PROCESSOR_METADATA, type ProcessorMetadata } from '../decorators/metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { ResolvedWorkerOptions } from '../interfaces/worker-options.interface.js';
import { plainText } from '../utils/checks.js';
import { readShape, type Shape } from '../utils/shape.js';
import { readWorkerOptions } from './worker-options.js';

/** What a class's `@Processor()` says, checked. */
export interface ReadProcessor {
  readonly queue: string;
  readonly worker: Partial<ResolvedWorkerOptions>;
}

const PROCESSOR_OPTIONS: Shape<{ name: string }> = { name: plainText };

/** A subclass has its parent's, unless it brings its own. */
export function isProcessor(type: Type): boolean {
  return Reflect.hasMetadata(PROCESSOR_METADATA, type);
}

/** @throws InvalidOptionsError */
export function readProcessor(type: Type): ReadProcessor {
  const { queue, worker }: ProcessorMetadata = Reflect.getMetadata(PROCESSOR_METADATA, type);
  const refuse = refuseOptions(`${type.name}: @Processor()`);
  const name =
    typeof queue === 'object' && queue !== null ? readShape(queue, '', PROCESSOR_OPTIONS, refuse).name : queue;
  return { queue: plainText(name, 'name', refuse), worker: readWorkerOptions(worker, '', refuse) };
}
