import { connect } from '../lib/postgres.mjs';

/** Transactions that stay open in the same database: one that has written something, and one that only looks. */
export async function pinHorizon(url) {
  const clients = [await connect(url), await connect(url)];
  for (const client of clients) await client.query('begin isolation level repeatable read');
  await clients[0].query('select pg_current_xact_id()');
  await clients[1].query('select count(*) from pg_class');
  return async () => {
    for (const client of clients) await client.query('rollback').then(() => client.end());
  };
}

const RINGS = `'^(entry|delayed|lease|result|unique_key|custom_id|event|pulse)_[0-2]$'`;

/** The tables of the log: how many dead rows each has now. Counted from the statistics, which truncating sets to zero. */
export async function deadRows(client, schema) {
  const { rows } = await client.query(
    `select relname as "table", n_dead_tup::int as dead, n_tup_upd::int as updated, n_tup_del::int as deleted,
            relname ~ ${RINGS} or relname = 'dead' as is_log
       from pg_stat_user_tables where schemaname = $1 order by relname`,
    [schema],
  );
  return rows;
}

/** Bytes of the whole schema, and of each ring. */
export async function sizes(client, schema) {
  const { rows } = await client.query(
    `select regexp_replace(relname, '_[0-2]$', '') as ring, sum(pg_total_relation_size(oid))::float8 as bytes
       from pg_class where relnamespace = $1::regnamespace and relkind = 'r' group by 1`,
    [schema],
  );
  const rings = Object.fromEntries(rows.map(({ ring, bytes }) => [ring, bytes]));
  return { total: Object.values(rings).reduce((sum, bytes) => sum + bytes, 0), rings };
}

/** The catalogue: bytes and dead rows of what a TRUNCATE may touch. */
export async function catalogue(client) {
  const { rows } = await client.query(
    `select relname as "table", pg_total_relation_size(relid)::float8 as bytes, n_dead_tup::int as dead,
            n_tup_upd::int as updated, n_tup_ins::int as inserted, n_tup_del::int as deleted
       from pg_stat_sys_tables where schemaname = 'pg_catalog'`,
  );
  return Object.fromEntries(rows.map(({ table, ...row }) => [table, row]));
}
