import { Body, type PipeTransform, type Type } from '@nestjs/common';
import type { JobDataOptions } from '../interfaces/job-data-options.interface.js';
import { JobDataSchemaPipe } from './job-data-schema.pipe.js';
import { parameter } from './parameter-metadata.js';

type Pipe = Type<PipeTransform> | PipeTransform;

/**
 * On a parameter of a job's handler: the job's data, or a property of it, through pipes, as Nest's `@Body()`. A DTO class
 * as the parameter's type is what a `ValidationPipe` validates.
 *
 * With a `schema`, data that does not fit fails the job at once, whatever attempts remain, with `InvalidJobDataError`.
 */
export function JobData(...pipes: Pipe[]): ParameterDecorator;
export function JobData(options: JobDataOptions): ParameterDecorator;
export function JobData(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function JobData(property: string, options: JobDataOptions): ParameterDecorator;
export function JobData(...args: unknown[]): ParameterDecorator {
  const property = typeof args[0] === 'string' ? args[0] : undefined;
  const rest = property === undefined ? args : args.slice(1);
  const options = isOptions(rest) ? rest[0] : { pipes: rest as Pipe[] };
  // Nest's own, since pipes treat a parameter by its type: a ValidationPipe leaves alone what is neither body nor query
  const body = property === undefined ? Body(...pipesOf(options)) : Body(property, ...pipesOf(options));
  return parameter(body, { decorator: '@JobData()', piped: true, property, options });
}

function isOptions(rest: unknown[]): rest is [JobDataOptions] {
  const [value] = rest;
  return rest.length === 1 && typeof value === 'object' && value !== null && !('transform' in value);
}

/** What cannot be used is refused when the application starts, where the handler can be named. */
function pipesOf({ schema, pipes }: JobDataOptions): Pipe[] {
  const usable = Array.isArray(pipes) ? pipes : [];
  return schema === undefined ? usable : [new JobDataSchemaPipe(schema), ...usable];
}
