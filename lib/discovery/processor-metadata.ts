import type { Type } from '@nestjs/common';
import { PROCESSOR_METADATA, type ProcessorMetadata } from '../decorators/metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { ResolvedWorkerOptions } from '../interfaces/worker-options.interface.js';
import { plainText } from '../utils/checks.js';
import { contract, isContract } from '../utils/queue-contract.js';
import { readShape, type Refuse, type Shape } from '../utils/shape.js';
import type { ProcessorQueue } from './handler-contract.js';
import { readWorkerOptions } from './worker-options.js';

/** What a class's `@Processor()` says, checked. */
export interface ReadProcessor extends ProcessorQueue {
  readonly worker: Partial<ResolvedWorkerOptions>;
}

const PROCESSOR_OPTIONS: Shape<{ name: unknown }> = { name: (value) => value };

/** A subclass has its parent's, unless it brings its own. */
export function isProcessor(type: Type): boolean {
  return Reflect.hasMetadata(PROCESSOR_METADATA, type);
}

/** @throws InvalidOptionsError */
export function readProcessor(type: Type): ReadProcessor {
  const { queue, worker }: ProcessorMetadata = Reflect.getMetadata(PROCESSOR_METADATA, type);
  const refuse = refuseOptions(`${type.name}: @Processor()`);
  const isOptions = typeof queue === 'object' && queue !== null && !isContract(queue);
  const name = isOptions ? readShape(queue, '', PROCESSOR_OPTIONS, refuse).name : queue;
  const of = isContract(name) ? contractedQueue(name, refuse) : { queue: plainText(name, 'name', refuse) };
  return { ...of, worker: readWorkerOptions(worker, '', refuse) };
}

function contractedQueue(of: unknown, refuse: Refuse): ProcessorQueue {
  const agreed = contract(of, '', refuse);
  return { queue: agreed.name, contract: agreed };
}
