/** One kind of store that follows a job. */
export interface ContextCarrier {
  /** Where what it carries is found in a job; also what a path in an error begins with. */
  readonly name: string;
  /** By name, what is there around `add()`; names without a value are left out. */
  capture(): Readonly<Record<string, unknown>>;
  /** Runs a handler with what was carried, and nothing else of its kind. */
  run<T>(carried: Readonly<Record<string, unknown>>, handler: () => T): T;
}
