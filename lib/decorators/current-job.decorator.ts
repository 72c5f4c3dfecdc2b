import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { parameter, UNPIPED } from './parameter-metadata.js';

const jobOf = createParamDecorator((_data: unknown, context: ExecutionContext): unknown => context.getArgByIndex(0));

/** On a parameter of a job's handler: the `ActiveJob`, which a handler whose parameters have no decorators gets by itself. */
export function CurrentJob(): ParameterDecorator {
  return parameter(jobOf(UNPIPED), { decorator: '@CurrentJob()', piped: false });
}
