import { Scope, type Type } from '@nestjs/common';
import { PROCESSOR_METADATA, type ProcessorMetadata } from '../decorators/metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { ResolvedWorkerOptions } from '../interfaces/worker-options.interface.js';
import { bool, plainText } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { contract, isContract } from '../utils/queue-contract.js';
import { type Check, readShape, type Refuse, type Shape } from '../utils/shape.js';
import type { ProcessorQueue } from './handler-contract.js';
import { readWorkerOptions } from './worker-options.js';

/** What a class's `@Processor()` says, checked. */
export interface ReadProcessor extends ProcessorQueue {
  /** Of which `forRoot({ name })`. */
  readonly database?: string;
  readonly worker: Partial<ResolvedWorkerOptions>;
}

const scope: Check<Scope> = (value, path, refuse) =>
  value === Scope.DEFAULT || value === Scope.REQUEST
    ? value
    : refuse(path, `must be Scope.REQUEST or Scope.DEFAULT, not ${describeValue(value)}`);

interface ReadProcessorOptions {
  name: unknown;
  database: string;
  scope: Scope;
  durable: boolean;
}

const PROCESSOR_OPTIONS: Shape<ReadProcessorOptions> = {
  name: (value) => value,
  database: plainText,
  scope,
  durable: bool,
};

/** A subclass has its parent's, unless it brings its own. */
export function isProcessor(type: Type): boolean {
  return Reflect.hasMetadata(PROCESSOR_METADATA, type);
}

/** @throws InvalidOptionsError */
export function readProcessor(type: Type): ReadProcessor {
  const { queue, worker }: ProcessorMetadata = Reflect.getMetadata(PROCESSOR_METADATA, type);
  const refuse = refuseOptions(`${type.name}: @Processor()`);
  const isOptions = typeof queue === 'object' && queue !== null && !isContract(queue);
  const { name, database } = isOptions ? readOptions(queue, refuse) : { name: queue };
  const of = isContract(name) ? contractedQueue(name, refuse) : { queue: plainText(name, 'name', refuse) };
  return { ...of, ...(database !== undefined && { database }), worker: readWorkerOptions(worker, '', refuse) };
}

function contractedQueue(of: unknown, refuse: Refuse): ProcessorQueue {
  const agreed = contract(of, '', refuse);
  return { queue: agreed.name, contract: agreed };
}

function readOptions(written: object, refuse: Refuse): Partial<ReadProcessorOptions> {
  const options = readShape(written, '', PROCESSOR_OPTIONS, refuse);
  if (options.durable === true && options.scope !== Scope.REQUEST) {
    refuse('durable', `= true is for scope: Scope.REQUEST: say that too, or leave it out`);
  }
  return options;
}
