import { InvalidJobError, refuseJob } from '../errors/invalid-job.error.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { schemaOf, strangerProblem } from '../utils/queue-contract.js';
import { toError } from '../utils/to-error.js';
import { describeIssues, type Fitted, pathOfIssues, validate, type Validated } from '../utils/validate.js';

/**
 * What the contract makes of a job's data: at once, unless the schema is asynchronous; undefined when it has no job of this name.
 * Throws what the schema throws.
 *
 * @param json as it is stored: a handler gets what is parsed from that, and never the caller's Date.
 */
export function fit(contract: QueueContract, name: string, json: string): Validated | Promise<Validated> | undefined {
  const schema = schemaOf(contract, name);
  return schema && validate(schema, JSON.parse(json));
}

/**
 * As `fit()`, for data that is to be stored.
 *
 * @param path of the data, as `data` or `jobs[3].data`.
 * @throws InvalidJobError with the issues; or with the cause, when it was the schema that failed.
 */
export async function fitToStore(
  contract: QueueContract,
  name: string,
  json: string,
  path: string,
): Promise<Fitted | undefined> {
  let fitted: Validated | undefined;
  try {
    fitted = await fit(contract, name, json);
  } catch (error) {
    return refuseJob(path, `could not be validated: ${toError(error).message}`, { cause: error });
  }
  if (fitted?.issues === undefined) return fitted;
  const { issues } = fitted;
  throw new InvalidJobError(
    pathOfIssues(issues, path),
    `${path} does not fit the contract of queue '${contract.name}': ${describeIssues(issues, path)}`,
    { issues },
  );
}

/** @throws InvalidJobError for a name that the contract does not have. */
export function checkContractName(contract: QueueContract, name: string, path: string): void {
  const problem = strangerProblem(contract, name);
  if (problem !== undefined) refuseJob(path, `= ${problem}`);
}
