import type { JobDraft, ResolvedJobOptions } from '../engine/job-engine.interface.js';
import { refuseJob } from '../errors/invalid-job.error.js';
import type { BulkJob, JobOptions } from '../interfaces/job-options.interface.js';
import type { QueueContract } from '../interfaces/queue-contract.interface.js';
import { describeValue } from '../utils/describe-value.js';
import { memberPath } from '../utils/member-path.js';
import { serialiseJson, type DataLimits } from './job-data.js';
import { checkContractName, fitToStore } from './fit.js';
import { checkName } from './job-name.js';
import { resolveBulkJobOptions, resolveJobOptions } from './job-options.js';

/** Of one job of `addBulk()`. */
const PARTS: ReadonlySet<string> = new Set(['name', 'data', 'opts'] satisfies (keyof BulkJob)[]);

/** @throws InvalidJobError */
export function createDraft(
  name: string,
  data: unknown,
  options: JobOptions | undefined,
  defaults: ResolvedJobOptions,
  limits: DataLimits,
): JobDraft {
  return {
    name: checkName(name, 'name'),
    data: serialiseJson(data, limits, 'data'),
    options: resolveJobOptions(options, defaults),
  };
}

/** @throws InvalidJobError with a path that begins with the job's place, as `jobs[3].data.to`. */
export function createDrafts(jobs: readonly BulkJob[], defaults: ResolvedJobOptions, limits: DataLimits): JobDraft[] {
  if (!Array.isArray(jobs)) return refuseJob('jobs', `must be an array, not ${describeValue(jobs)}`);
  return jobs.map((job: BulkJob, i) => {
    const path = `jobs[${i}]`;
    if (typeof job !== 'object' || job === null) return refuseJob(path, `must be an object, not ${describeValue(job)}`);
    // as `options` for `opts`: what is not read must not be ignored
    for (const key in job) {
      if (!PARTS.has(key))
        return refuseJob(memberPath(path, key), `is no part of a job; known: ${[...PARTS].join(', ')}`);
    }
    return {
      name: checkName(job.name, `${path}.name`),
      data: serialiseJson(job.data, limits, `${path}.data`),
      options: resolveBulkJobOptions(job.opts, defaults, `${path}.opts`),
    };
  });
}

/** @throws InvalidJobError for a name that the contract does not have, or data that does not fit its schema. */
export async function checkDraft(contract: QueueContract, { name, data }: JobDraft, path?: string): Promise<void> {
  checkContractName(contract, name, path === undefined ? 'name' : `${path}.name`);
  await fitToStore(contract, name, data, path === undefined ? 'data' : `${path}.data`);
}

/** As `checkDraft()`, one after the other: the first that is refused is the one that is said. */
export async function checkDrafts(contract: QueueContract, drafts: readonly JobDraft[]): Promise<void> {
  for (const [i, draft] of drafts.entries()) await checkDraft(contract, draft, `jobs[${i}]`);
}
