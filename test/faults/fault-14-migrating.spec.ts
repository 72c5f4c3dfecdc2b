import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { migrationSql } from '../../lib/engine/postgres/migrations/index.js';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(14, 'all migrate at once', { migrated: false });
const { report, random } = fault;

/** What a schema consists of. */
async function parts(client: pg.Client, schema: string): Promise<string[]> {
  const { rows } = await client.query(
    `select replace(what, $1, 'S') as what from (
  select 'relation ' || c.relkind::text || c.relname as what from pg_class c where c.relnamespace = $1::text::regnamespace
  union all select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' from pg_proc p where p.pronamespace = $1::text::regnamespace
  union all select 'index ' || indexdef from pg_indexes where schemaname = $1) x order by 1`,
    [schema],
  );
  return rows.map(({ what }) => what);
}

describe('processes that all start on an empty database', () => {
  it('and of which half are killed while they migrate leave a whole schema, and work', async () => {
    const { schema, client } = fault.database;
    const all = scaled(20, 8);
    const queue = fault.newQueue();
    // a migration of some seconds, so that one can be met in the middle
    await client.query(`create function ${fault.ledger.schema}.slow() returns event_trigger language plpgsql as $$
begin
  if exists (select from pg_event_trigger_ddl_commands() where schema_name = '${schema}') then
    perform pg_sleep(${scaled(0.02, 0.01)});
  end if;
end $$;
create event trigger slow_${schema} on ddl_command_end execute function ${fault.ledger.schema}.slow()`);
    fault.afterwards(() => client.query(`drop event trigger if exists slow_${schema}`));
    const children = Array.from({ length: all }, (_, i) =>
      fault.spawn({ queues: { [queue]: { concurrency: 2 } }, url: fault.named(`boot-${i}`) }),
    );
    const byName = new Map(children.map((child, i) => [`boot-${i}`, child]));
    let kills = 0;
    await until(
      'half of them to be killed while they migrate',
      async () => {
        // who holds the migration's lock, and has done some of it
        const { rows } = await client.query(
          `select a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
where l.locktype = 'advisory' and l.granted and a.application_name like 'boot-%' and a.xact_start < clock_timestamp() - interval '100 ms'
  and exists (select from pg_locks o where o.pid = l.pid and o.mode = 'AccessExclusiveLock')`,
        );
        const migrating = byName.get(rows[0]?.name);
        if (migrating?.isRunning === true) {
          await sleep(random.between(0, 300));
          if (await migrating.kill()) kills++;
        }
        return kills >= all / 2;
      },
      100_000,
    );
    report.injected('processes that migrated at once', all);
    report.injected('killed in the middle of it', kills);
    const began = Date.now();
    const survivors = children.filter(({ killedAt }) => killedAt === undefined);
    for (const child of survivors) await child.tells('ready', 60_000);
    report.recovered(Date.now() - began);
    const reference = `${schema}_whole`;
    await client.query(migrationSql({ schema: reference }));
    fault.afterwards(() => client.query(`drop schema ${reference} cascade`));
    expect((await parts(client, schema)).toSorted()).toEqual((await parts(client, reference)).toSorted());
    const jobs = (await fault.producer()).queue(queue);
    const some = work(100, 'after-');
    await jobs.addBulk(some.jobs);
    await fault.ledger.quiet(queue, some.keys, 20_000);
    await fault.account(queue, some.keys);
  });
});
