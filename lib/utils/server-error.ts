/** What the server has said. */
export interface ServerError {
  readonly code: string;
  readonly message: string;
}

/** Where drivers and ORMs keep the error that they wrap: what `Error` has for it, TypeORM, Sequelize, Prisma with its adapter. */
const WRAPPED_AS = ['cause', 'driverError', 'original', 'parent', 'meta', 'driverAdapterError'] as const;
const DEEP = 6;

const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Prisma's own codes look like one. */
const PRISMA = /^P[1-9]\d{3}$/;

/**
 * The server's error in what was thrown by a statement on a caller's transaction, however its driver and ORM have wrapped it;
 * undefined: there is none. The innermost is the server's: what is around it may have taken over its code, and not its words.
 */
export function serverError(thrown: unknown, depth = 0): ServerError | undefined {
  if (typeof thrown !== 'object' || thrown === null || depth > DEEP) return undefined;
  for (const name of WRAPPED_AS) {
    const found = serverError(Reflect.get(thrown, name), depth + 1);
    if (found !== undefined) return found;
  }
  return read(thrown, 'code', 'message') ?? read(thrown, 'originalCode', 'originalMessage');
}

function read(error: object, codeAt: string, messageAt: string): ServerError | undefined {
  const code: unknown = Reflect.get(error, codeAt);
  const message: unknown = Reflect.get(error, messageAt);
  const isServers = typeof code === 'string' && SQLSTATE.test(code) && !PRISMA.test(code);
  return isServers && typeof message === 'string' ? { code, message } : undefined;
}
