/** Class 08, a server that shuts down or starts up, and too many clients: gone in a while, as a rule. */
const PASSING_SQLSTATES = /^(08...|57P0[123]|53300)$/;
const PASSING_CODES = new Set(
  `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EHOSTDOWN ENOTFOUND EAI_AGAIN ENOENT`.split(
    ' ',
  ),
);
/** What `pg` throws without a code. */
const PASSING_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|connection error and is not queryable|client was closed|connection ended/i;

/** Whether an error says that the database could not be reached just now, rather than that the statement was wrong. */
export function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isConnectionFault);
  const code = sqlState(error);
  return code === undefined
    ? PASSING_MESSAGES.test(error.message)
    : PASSING_SQLSTATES.test(code) || PASSING_CODES.has(code);
}

/** The SQLSTATE (or system error code) of an error. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The server refused to write: a standby, or a database that is set read-only. */
export const READ_ONLY = '25006';
