/** Calls a method of a provider by its name, at every call anew: a test that replaces it on the instance is heard. */
export function bindMethod(instance: object, method: string): (...args: unknown[]) => unknown {
  const target = instance as Record<string, (...args: unknown[]) => unknown>;
  return (...args) => target[method]!(...args);
}
