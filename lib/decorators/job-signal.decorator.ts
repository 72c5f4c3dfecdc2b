import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { ActiveJob } from '../queue/active-job.js';
import { parameter, UNPIPED } from './parameter-metadata.js';

const signalOf = createParamDecorator(
  (_data: unknown, context: ExecutionContext): AbortSignal => context.getArgByIndex<ActiveJob>(0).signal,
);

/** On a parameter of a job's handler: the `AbortSignal` of the job, as `job.signal`. */
export function JobSignal(): ParameterDecorator {
  return parameter(signalOf(UNPIPED), { decorator: '@JobSignal()', piped: false });
}
