/** Calls a method of a provider through what stands before it. */
export type Call = (...args: any[]) => unknown;

/** A class's methods that it is not enough to call on its instance, by their names. */
export type Calls = ReadonlyMap<string, Call>;
