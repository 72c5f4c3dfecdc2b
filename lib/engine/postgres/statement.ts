import { createHash } from 'node:crypto';

/**
 * A statement of the hot path, which each connection prepares once: parsing and planning it costs the server as much as
 * some of the log's functions do.
 */
export interface Statement {
  readonly text: string;
  /** How it is said where it needs no transaction block, if that is another way. */
  readonly alone?: string;
}

export function textOf(statement: string | Statement, inBlock: boolean): string {
  if (typeof statement === 'string') return statement;
  return (inBlock ? undefined : statement.alone) ?? statement.text;
}

/** The same text has the same name in every process: behind a pooler, one's may meet what another has prepared. */
export function statementName(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = `pgqueue_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
    names.set(text, name);
  }
  return name;
}

const names = new Map<string, string>();

/** What a server says of a prepared statement that it does not know, has already or would have to plan anew. Nothing has run then. */
export function cannotPrepare({ code, message }: { code?: string; message?: string }): boolean {
  // a transaction pooler, DEALLOCATE, another schema version
  return code === '26000' || code === '42P05' || (code === '0A000' && /cached plan/.test(message ?? ''));
}
