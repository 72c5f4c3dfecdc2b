/** Injects the checked module options (`ResolvedModuleOptions`). */
export const PG_QUEUE_OPTIONS = Symbol('PG_QUEUE_OPTIONS');

/** Injects what jobs take along (`CarriedContext`), or undefined. */
export const CARRIED_CONTEXT = Symbol('CARRIED_CONTEXT');

/** Injects the transaction around a call (`AmbientTransaction`). */
export const AMBIENT_TRANSACTION = Symbol('AMBIENT_TRANSACTION');

/** Injects which database a module is of (`Database`). */
export const DATABASE = Symbol('DATABASE');

/** In each module that opens a database: the same. */
export const OPENED_DATABASE = Symbol('OPENED_DATABASE');

/** Injects the ids of streams (`QueueIds`); the class itself as a token injects those of queues. */
export const STREAM_IDS = Symbol('STREAM_IDS');
