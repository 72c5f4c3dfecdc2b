import type { JobSchemas, QueueContract } from '../interfaces/queue-contract.interface.js';
import type { StandardSchema } from '../interfaces/standard-schema.interface.js';
import { text, plainText } from './checks.js';
import { describeValue } from './describe-value.js';
import { memberPath } from './member-path.js';
import { nearest } from './nearest.js';
import { readShape, type Check, type Refuse, type Shape } from './shape.js';

/** What was meant as a contract, good or not: only that has `jobs`. */
export function isContract(value: unknown): value is QueueContract {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'jobs');
}

/** A queue's name, whichever way it is given. */
export function queueNameOf(queue: string | QueueContract): string {
  return isContract(queue) ? queue.name : queue;
}

/** The schema for jobs of a name; undefined when the contract has none. */
export function schemaOf({ jobs }: QueueContract, name: string): StandardSchema | undefined {
  // 'constructor' is a name like any other
  return Object.hasOwn(jobs, name) ? jobs[name] : undefined;
}

/** For messages, what is wrong with a name that the contract does not have; undefined when it has it. */
export function strangerProblem({ name: queue, jobs }: QueueContract, name: unknown): string | undefined {
  if (typeof name === 'string' && Object.hasOwn(jobs, name)) return undefined;
  const names = Object.keys(jobs);
  const meant = typeof name === 'string' ? nearest(name, names) : undefined;
  const hint = meant === undefined ? `known: ${names.join(', ')}` : `did you mean '${meant}'?`;
  return `${describeValue(name)} is no job of the contract of queue '${queue}'; ${hint}`;
}

/** Whether they say the same of the same queue. */
export function isSameContract(one: QueueContract, other: QueueContract): boolean {
  const names = Object.keys(one.jobs);
  return (
    one.name === other.name &&
    names.length === Object.keys(other.jobs).length &&
    names.every((name) => schemaOf(one, name) === schemaOf(other, name))
  );
}

/** Checked, copied and frozen: what is done to it later changes nothing. */
export const contract: Check<QueueContract> = (value, path, refuse) => {
  if (!isContract(value)) {
    const hint = value === undefined ? '; is it imported in a circle?' : '';
    return refuse(path || 'contract', `must be what defineQueue() returns, not ${describeValue(value)}${hint}`);
  }
  const { name, jobs } = readShape(value, path, CONTRACT, refuse);
  // here, for neither may be left out
  return Object.freeze({
    name: plainText(name, memberPath(path, 'name'), refuse),
    jobs: checkJobs(jobs, memberPath(path, 'jobs'), refuse),
  });
};

const CONTRACT: Shape<{ name: unknown; jobs: unknown }> = { name: (value) => value, jobs: (value) => value };

function checkJobs(value: unknown, path: string, refuse: Refuse): JobSchemas {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || '~standard' in value) {
    return refuse(path, `must be an object of schemas by job name, not ${describeValue(value)}`);
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return refuse(path, 'must have a job: its name, and its schema');
  for (const [name, schema] of entries) {
    const at = memberPath(path, name);
    text(name, at, (_, problem) => refuse(at, `: a job's name ${problem}`));
    // it could not be told from a handler of every name
    if (name === '*') refuse(at, ": '*' is no job's name here, since @Process() means every name by it");
    if (!isStandardSchema(schema)) {
      const which = 'zod from 3.24 on, valibot from 1 on and arktype from 2 on make them';
      refuse(at, `must be a Standard Schema (${which}), not ${describeValue(schema)}`);
    }
  }
  return Object.freeze({ ...value });
}

function isStandardSchema(value: unknown): value is StandardSchema {
  // arktype's are functions
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = Reflect.get(value, '~standard');
  return (
    typeof standard === 'object' &&
    standard !== null &&
    Reflect.get(standard, 'version') === 1 &&
    typeof Reflect.get(standard, 'validate') === 'function'
  );
}
