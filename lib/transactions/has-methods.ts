/** A handle whose members are not known to be there. */
export type Handle<Name extends string = string> = { readonly [K in Name]?: unknown };

/** Whether it has these methods, its own or inherited. */
export function hasMethods(handle: object, ...names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(handle, name) === 'function');
}
