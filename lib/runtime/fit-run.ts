import { InvalidJobDataError } from '../errors/invalid-job-data.error.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { fit } from '../queue/fit.js';
import { describeIssues, pathOfIssues, type Validated } from '../utils/validate.js';
import type { JobRun } from './job-run.js';

/**
 * Fits a run's data to the contract of its handler: from then on its job shows what the schema made of it. A name that the
 * contract does not have is left as it is. Undefined: it is done; a schema may take its time.
 *
 * @throws InvalidJobDataError when it does not fit; or what the schema throws, which says nothing about the data.
 */
export function fitRun(run: JobRun, contract: QueueContract): Promise<void> | undefined {
  const accept = (validated: Validated | undefined): void => {
    if (validated?.issues !== undefined) {
      const { issues } = validated;
      throw new InvalidJobDataError(pathOfIssues(issues, 'data'), describeIssues(issues, 'data'), issues);
    }
    run.fitted = validated;
  };
  const validated = fit(contract, run.name, run.data);
  if (validated instanceof Promise) return validated.then(accept);
  accept(validated);
  return undefined;
}
