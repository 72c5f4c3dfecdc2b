import { quoteIdentifier } from '../../utils/quote-identifier.js';

/** How the SQL of one installation names things: the schema is a parameter, nothing depends on `search_path`. */
export interface SchemaNames {
  /** The schema, as it is. */
  readonly name: string;
  /** The schema, quoted. */
  readonly schema: string;
  /** The schema as a string literal. */
  readonly literal: string;
  /** The schema, quoted, as part of a string literal. */
  readonly inLiteral: string;
  /** The same of a literal that is a template of format(). */
  readonly inFormat: string;
  /** The LISTEN channel, unquoted. */
  readonly channel: string;
}

export function schemaNames(schema: string): SchemaNames {
  const quoted = quoteIdentifier(schema);
  const inLiteral = quoted.replaceAll("'", "''");
  return {
    name: schema,
    schema: quoted,
    literal: `'${schema.replaceAll("'", "''")}'`,
    inLiteral,
    inFormat: inLiteral.replaceAll('%', '%%'),
    channel: `${schema}_wake`,
  };
}

/** No error: ends a subtransaction. */
export const LET_GO = 'PQ000';

/** How many segments a ring has: one current, one retained, one being emptied. */
export const RING_SIZE = 3;
export const SEGMENTS: readonly number[] = Array.from({ length: RING_SIZE }, (_, i) => i);

/** The same statement once for each segment, as branches of a PL/pgSQL `if`: static, so that each keeps its cached plan. */
export function perSegment(variable: string, statement: (segment: number) => string): string {
  const branches = SEGMENTS.map(
    (segment) => `${segment === 0 ? 'if' : 'elsif'} ${variable} = ${segment} then\n${statement(segment)}`,
  );
  return `${branches.join('\n')}\nend if;`;
}

/**
 * Settings of the functions that read the log: fresh and truncated tables have no statistics, and a plan that was
 * cached on an empty segment must not scan it when it is full.
 */
export const PINNED_PLAN = `set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off set jit = off set plan_cache_mode = force_generic_plan`;

/** Between the parts of a packed text: it cannot occur in JSON, where control characters are escaped. */
export const PACK_SEPARATOR = '\u001e';
export const PACK_SEPARATOR_SQL = 'chr(30)';

/**
 * Reads in a subtransaction that is rolled back: what it locked is let go at once, not with the caller's transaction, which
 * may stay open for long and would keep those tables from being reclaimed. The variables it has set stay set.
 */
export const readAndLetGo = (statement: string): string => `
    begin
${statement}
      raise exception 'let go' using errcode = '${LET_GO}';
    exception when sqlstate '${LET_GO}' then null;
    end;`;

/** SQLSTATEs the functions of the log raise. */
export const SqlState = {
  leaseLost: 'PQ001',
  workerDead: 'PQ002',
  wrongTransaction: 'PQ003',
  duplicateKey: 'PQ004',
  invalidJob: 'PQ005',
  foreignCluster: 'PQ006',
  noSuchGroup: 'PQ007',
  invalidCursor: 'PQ008',
  orderedGroup: 'PQ009',
} as const;
