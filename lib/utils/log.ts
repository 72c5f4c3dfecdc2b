/** Where this package writes: Nest's LoggerService is one. */
export interface Log {
  log(message: string, ...more: unknown[]): unknown;
  warn(message: string, ...more: unknown[]): unknown;
  error(message: string, ...more: unknown[]): unknown;
  debug?(message: string, ...more: unknown[]): unknown;
}

export const SILENT: Log = { log: () => undefined, warn: () => undefined, error: () => undefined };
