import { ContractProcess, type ProcessMetadata } from '../decorators/metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import { InvalidProcessorError } from '../errors/invalid-processor.error.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import type { JobHandler } from '../runtime/processor-definition.js';
import { bool, timer } from '../utils/checks.js';
import { contract, strangerProblem } from '../utils/queue-contract.js';
import { readShape, type Refuse, type Shape } from '../utils/shape.js';

/** The queue that a class takes jobs of, and its contract, if that is how the class names it. */
export interface ProcessorQueue {
  readonly queue: string;
  readonly contract?: QueueContract;
}

interface ContractOptions {
  readonly timeout: number;
  readonly transactional: boolean;
}

const OPTIONS: Shape<ContractOptions> = { timeout: timer, transactional: bool };

/** The options of `@Process(contract, name, options)`. */
export function readContractOptions(options: unknown, refuse: Refuse): Partial<ContractOptions> {
  return options === undefined ? {} : readShape(options, '', OPTIONS, refuse);
}

/**
 * What the jobs of a handler are validated against: the contract that its `@Process()` names, or else its class's.
 *
 * @param name the one it takes; undefined: all that no other takes.
 * @throws InvalidProcessorError for a name that the contract does not have, and for a contract of another queue than the class's
 * @throws InvalidOptionsError for what is no contract
 */
export function contractOf(
  label: string,
  name: string | undefined,
  metadata: ProcessMetadata,
  { queue, contract: ofClass }: ProcessorQueue,
): QueueContract | undefined {
  if (!(metadata instanceof ContractProcess)) {
    if (ofClass !== undefined && name !== undefined) refuseStranger(label, ofClass, name);
    return ofClass;
  }
  const own = contract(metadata.contract, '', refuseOptions(`${label}: @Process()`));
  refuseStranger(label, own, metadata.name);
  if (own.name === queue) return own;
  throw new InvalidProcessorError(
    `${label}: @Process() takes jobs of queue '${own.name}', as its contract says, in a @Processor() of queue '${queue}': ` +
      `move it to a @Processor() of '${own.name}'`,
  );
}

/** The handler, with that. */
export function underContract(handler: JobHandler, agreed: QueueContract | undefined): JobHandler {
  return agreed === undefined ? handler : { ...handler, contract: agreed };
}

function refuseStranger(label: string, agreed: QueueContract, name: unknown): void {
  const problem = strangerProblem(agreed, name);
  if (problem !== undefined) throw new InvalidProcessorError(`${label}: @Process(): ${problem}`);
}
