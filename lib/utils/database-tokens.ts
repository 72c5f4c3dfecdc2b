/** The injection token of what belongs to the database of one `forRoot({ name })`. */
export function databaseToken(what: string, database: string): string {
  return `PgQueue_${database}/${what}`;
}

/** The injection token of the `QueueService` of the database with this name; the class itself is the token of the one without. */
export function getQueueServiceToken(database: string): string {
  return databaseToken('QueueService', database);
}

/** The same of the `StreamService`. */
export function getStreamServiceToken(database: string): string {
  return databaseToken('StreamService', database);
}

/** The same of the `PgQueueRuntime`. */
export function getPgQueueRuntimeToken(database: string): string {
  return databaseToken('PgQueueRuntime', database);
}
