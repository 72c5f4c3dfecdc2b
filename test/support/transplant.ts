import type { TestEngine } from './engine.js';

const RINGS = ['entry', 'delayed', 'event', 'lease'];

/**
 * Makes a log look as if it had been dumped from a cluster that was so many transactions ahead, and restored here: what
 * transactions it names are that much later, and PostgreSQL's own marks are those of whoever restored it.
 */
export async function transplant(engine: TestEngine, ahead: number): Promise<void> {
  const { s } = engine;
  await engine.rows(`create or replace function ${s}.later(x text) returns text language sql as
$$ select coalesce((x::bigint + ${ahead})::text, '') $$`);
  await engine.rows(`create or replace function ${s}.later(x pg_snapshot) returns pg_snapshot language sql as $$
select format('%s:%s:%s', ${s}.later(pg_snapshot_xmin(x)::text), ${s}.later(pg_snapshot_xmax(x)::text),
  (select string_agg(${s}.later(r::text), ',' order by r) from pg_snapshot_xip(x) r))::pg_snapshot where x is not null $$`);
  await engine.rows(`create or replace function ${s}.later(x xid8) returns xid8 language sql as
$$ select nullif(${s}.later(x::text), '')::xid8 $$`);
  await engine.rows(`create or replace function ${s}.later_cursor(x text) returns text language sql as $$
select concat(case when split_part(x, '/', 1) <> '' then ${s}.later(split_part(x, '/', 1)::pg_snapshot)::text end, '/',
  ${s}.later(split_part(x, '/', 2)::pg_snapshot)::text, '/', ${s}.later(split_part(x, '/', 3)), '/', split_part(x, '/', 4)) $$`);
  const cursor = `options = case when options ? 'cursor' then jsonb_set(options, '{cursor}', to_jsonb(${s}.later_cursor(options->>'cursor'))) else options end`;
  const set: Record<string, string> = {
    entry: `txid = ${s}.later(txid), ${cursor}`,
    delayed: `txid = ${s}.later(txid), ${cursor}`,
    event: `txid = ${s}.later(txid)`,
    lease: ['s0', 's1', 'from_s0', 'from_s1', 'pos_txid', 'from_txid']
      .map((column) => `${column} = ${s}.later(${column})`)
      .join(', '),
  };
  await engine.rows('begin');
  for (const ring of RINGS) for (const i of [0, 1, 2]) await engine.rows(`update ${s}.${ring}_${i} set ${set[ring]}`);
  await engine.rows(`update ${s}.dead set ${cursor}`);
  await engine.rows(`update ${s}.stream_mark set passed = ${s}.later(passed)`);
  await engine.rows(`update ${s}.installation set system_identifier = 1`);
  await engine.rows('commit');
}
