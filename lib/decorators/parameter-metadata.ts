// Reflect metadata key, on a class by its method
export const PARAMETER_METADATA = 'pgqueue:parameters';

/** What each of this package's parameter decorators leaves: as written, checked when handlers are explored. */
export interface ParameterMetadata {
  readonly index: number;
  /** `@JobData()`, for messages. */
  readonly decorator: string;
  /** Whether pipes look at the parameter. */
  readonly piped: boolean;
  /** Of `@JobData()`. */
  readonly property?: unknown;
  readonly options?: unknown;
}

/** The data of a parameter that pipes leave alone: they are for what came with the job, not for the job itself. */
export const UNPIPED = Symbol('pgqueue:unpiped');

/** Nest's decorator, which says where the value comes from, and beside it whose it is: `@Body()` of HTTP leaves the same. */
export function parameter(nest: ParameterDecorator, what: Omit<ParameterMetadata, 'index'>): ParameterDecorator {
  return (target, method, index) => {
    const of = [PARAMETER_METADATA, target.constructor, method!] as const;
    const inherited = inheritedBy(target.constructor, method!);
    const known: readonly ParameterMetadata[] = Reflect.getOwnMetadata(...of) ?? inherited;
    // a method that overrides another has its parameters, but for those that it decorates itself: as in Nest
    const others = known.filter((one) => one.index !== index || !inherited.includes(one));
    Reflect.defineMetadata(PARAMETER_METADATA, [...others, { index, ...what }], target.constructor, method!);
    nest(target, method, index);
  };
}

function inheritedBy(type: object, method: string | symbol): readonly ParameterMetadata[] {
  return Reflect.getMetadata(PARAMETER_METADATA, Object.getPrototypeOf(type) as object, method) ?? [];
}
