import { PgQueueError } from '../../errors/pg-queue.error.js';
import { StandbyError } from '../../errors/standby.error.js';

/** Class 08, a server that shuts down, starts up or has ended an idle session, and too many clients: gone in a while. */
const PASSING_SQLSTATES = /^(08...|57P0[1235]|25P0[34]|53300)$/;
const PASSING_CODES = new Set(
  `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EHOSTDOWN ENOTFOUND EAI_AGAIN ENOENT`.split(
    ' ',
  ),
);
/** What `pg` throws without a code. */
const PASSING_MESSAGES =
  /connection terminated|timeout expired|connection error and is not queryable|client was closed|connection ended/i;

const QUERY_CANCELED = '57014';

/** Whether an error says that the database could not be reached just now, rather than that the statement was wrong. */
export function isConnectionFault(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isConnectionFault);
  if (error instanceof NoAnswer) return true;
  const code = sqlState(error);
  return code === undefined
    ? PASSING_MESSAGES.test(error.message)
    : PASSING_SQLSTATES.test(code) || PASSING_CODES.has(code);
}

/** Whether there is no database to write to just now: it cannot be reached, or a standby is all there is. */
export function isOutage(error: unknown): boolean {
  return error instanceof StandbyError || isConnectionFault(error);
}

/** Whether an error is the answer of a server that refused the statement, and so wrote nothing of it. */
export function isRefusal(error: unknown): boolean {
  // one that was cancelled while it notified had committed
  return ![undefined, QUERY_CANCELED].includes(sqlState(error));
}

/** `pg-pool` gave up waiting for a client to be given back. */
export function isPoolTimeout(error: unknown): boolean {
  return error instanceof Error && /timeout exceeded when trying to connect/i.test(error.message);
}

/** The SQLSTATE (or system error code) of an error; our own errors have codes of another kind. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof PgQueueError) return undefined;
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Its message; that of one which has several of them for several addresses has none of its own. */
export function describeFault(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(describeFault).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** Something was sent, and nothing came back in time. */
export class NoAnswer extends Error {
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`);
  }
}
