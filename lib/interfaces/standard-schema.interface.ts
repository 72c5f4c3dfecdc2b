/**
 * What is used of a [Standard Schema](https://standardschema.dev), by its shape: one of zod, valibot or arktype is one, and
 * no package is needed for it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    validate(value: unknown): StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    /** For types alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

export type StandardSchemaResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardSchemaIssue[] };

/** One thing that does not fit. */
export interface StandardSchemaIssue {
  readonly message: string;
  /** Where, from the value that was validated. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
