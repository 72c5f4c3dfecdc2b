/** Injects the checked module options (`ResolvedModuleOptions`). */
export const PG_QUEUE_OPTIONS = Symbol('PG_QUEUE_OPTIONS');
