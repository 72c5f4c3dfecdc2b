import { sleep } from './measure.mjs';
import { redisInfo } from './redis.mjs';

/** Bytes that the system holds, and its dead rows by the statistics: the server that npm brings has no pgstattuple. */
export async function storage({ client, redis }) {
  if (!client) return { size: await redisInfo(redis, 'memory', 'used_memory'), deadRows: null };
  // backends report their counts once a second, or when they end
  await sleep(1_500);
  await client.query('select pg_stat_force_next_flush()');
  const { rows } = await client.query(`
    select (select sum(n_dead_tup) from pg_stat_user_tables)::int as "deadRows",
           (select sum(pg_total_relation_size(relid)) from pg_stat_user_tables)::float8 as size`);
  return rows[0];
}
