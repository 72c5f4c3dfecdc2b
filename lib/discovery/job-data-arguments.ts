import type { ParameterMetadata } from '../decorators/parameter-metadata.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { StandardSchema } from '../interfaces/standard-schema.interface.js';
import { text } from '../utils/checks.js';
import { describeValue } from '../utils/describe-value.js';
import { memberPath } from '../utils/member-path.js';
import { type Check, readShape, type Shape } from '../utils/shape.js';

function isSchema(value: unknown): value is StandardSchema {
  const standard: unknown = Reflect.get(Object(value), '~standard');
  return typeof Reflect.get(Object(standard), 'validate') === 'function';
}

const schema: Check<StandardSchema> = (value, path, refuse) =>
  isSchema(value)
    ? value
    : refuse(path, `must be a Standard Schema, as one of zod, valibot or arktype, not ${describeValue(value)}`);

const pipes: Check<readonly unknown[]> = (value, path, refuse) => {
  if (!Array.isArray(value)) return refuse(path, `must be an array of pipes, not ${describeValue(value)}`);
  for (const [i, pipe] of value.entries()) {
    // those of zod have a transform(), which means another thing
    if (isSchema(pipe)) refuse(memberPath(path, i), 'is a schema, which is no pipe: give it as { schema }');
    // a class, or an instance; undefined is what a circular import gives
    const host: unknown = typeof pipe === 'function' ? pipe.prototype : pipe;
    if (typeof Reflect.get(Object(host), 'transform') !== 'function') {
      refuse(
        memberPath(path, i),
        `must be a pipe, a class or an instance with transform(), not ${describeValue(pipe)}`,
      );
    }
  }
  return value;
};

const JOB_DATA_OPTIONS: Shape<{ schema: StandardSchema; pipes: readonly unknown[] }> = { schema, pipes };

/** @throws InvalidOptionsError for arguments that `@JobData()` cannot take. */
export function refuseJobDataArguments({ index, property, options }: ParameterMetadata, label: string): void {
  const refuse = refuseOptions(`${label}: @JobData() on parameter ${index}`);
  if (property !== undefined) text(property, 'property', refuse);
  readShape(options, '', JOB_DATA_OPTIONS, refuse);
  // what was meant to be validated would not be
  if (Object.hasOwn(options as object, 'schema') && (options as { schema: unknown }).schema === undefined) {
    refuse('schema', 'is undefined: is it imported in a circle?');
  }
}
