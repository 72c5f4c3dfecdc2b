import type { PipeTransform, Type } from '@nestjs/common';
import type { StandardSchema } from './standard-schema.interface.js';

/** The long form of `@JobData(...pipes)`. */
export interface JobDataOptions {
  /** What the data, or the property, must fit; the parameter is its output. Data that does not fit fails the job at once. */
  schema?: StandardSchema<any, any>;
  /** After the schema: what it made of the data goes through them. */
  pipes?: (Type<PipeTransform> | PipeTransform)[];
}
