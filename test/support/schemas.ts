import type { StandardSchema, StandardSchemaIssue } from '../../lib/index.js';

/** A Standard Schema that says what does not fit, and makes something of what does. */
export function schema<Output>(
  issuesOf: (value: any) => StandardSchemaIssue[],
  make: (value: any) => Output,
): StandardSchema<unknown, Output> {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate(value) {
        const issues = issuesOf(value);
        return issues.length > 0 ? { issues } : { value: make(value) };
      },
    },
  };
}

/** The same, which takes its time. */
export function slowSchema<Output>(of: StandardSchema<unknown, Output>): StandardSchema<unknown, Output> {
  return {
    '~standard': {
      ...of['~standard'],
      async validate(value) {
        await new Promise((resolve) => setImmediate(resolve));
        return of['~standard'].validate(value);
      },
    },
  };
}
