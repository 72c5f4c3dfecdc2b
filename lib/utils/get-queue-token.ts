/** The injection token of a registered queue: what `@InjectQueue(name)` injects; for `overrideProvider()` in tests. */
export function getQueueToken(name: string): string {
  return `PgQueue_${name}`;
}
