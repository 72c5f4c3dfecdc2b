import { SEGMENTS, type SchemaNames } from '../schema-names.js';
import type { Migration } from './migration.js';
import { SEGMENT_SETTINGS } from './0001-log.tables.js';

/** Tables of keys become rings: what is there is the first segment. */
function keyRing(s: string, ring: string, key: string): string[] {
  return [
    `alter table ${s}.${ring} rename to ${ring}_0`,
    `alter table ${s}.${ring}_0 set (autovacuum_enabled = off, toast.autovacuum_enabled = off)`,
    ...SEGMENTS.slice(1).map(
      (i) => `create table ${s}.${ring}_${i} (like ${s}.${ring}_0 including indexes) ${SEGMENT_SETTINGS}`,
    ),
    ...SEGMENTS.map((i) => `insert into ${s}.${ring}_${i} (queue_id, ${key}, generation, job_id) values (0, '', 0, 0)`),
    `create view ${s}.${ring} as ${SEGMENTS.map((i) => `select * from ${s}.${ring}_${i}`).join(' union all ')}`,
    `insert into ${s}.ring_switch (ring, current) values ('${ring}', 0)`,
  ];
}

/**
 * Which segment takes new rows, by appending too: each claim asks, and a row that is updated at every switch would cost it
 * more the longer an old snapshot is kept open.
 */
function switches(s: string): string[] {
  const rings = ['entry', 'delayed', 'lease', 'result', 'unique_key', 'custom_id', 'pulse'];
  return [
    `alter table ${s}.ring rename to ring_switch`,
    `alter table ${s}.ring_switch drop constraint ring_pkey, add column n bigint not null default 1, add primary key (ring, n)`,
    // a ring of keys that was switched: whoever takes a key now writes to both, until nobody is left who knows the old one only
    `alter table ${s}.ring_switch add column draining smallint`,
    `create view ${s}.ring as
select k.ring, w.current, w.switched_at, w.draining, w.n from (values ${rings.map((ring) => `('${ring}')`).join(', ')}) k (ring)
 cross join lateral (select * from ${s}.ring_switch x where x.ring = k.ring order by x.n desc limit 1) w`,
  ];
}

/** Signs of life, one row each: a counter that is updated would cost a claim more the longer an old snapshot is kept open. */
function pulse(s: string): string[] {
  return [
    `create sequence ${s}.pulse_n`,
    ...SEGMENTS.flatMap((i) => [
      `create table ${s}.pulse_${i} (
  n bigint not null default nextval('${s.replaceAll("'", "''")}.pulse_n'),
  worker uuid not null,
  at timestamptz not null default clock_timestamp(),
  in_flight int not null,
  listening boolean not null
) ${SEGMENT_SETTINGS}`,
      `create index on ${s}.pulse_${i} (worker, n)`,
      `insert into ${s}.pulse_${i} (n, worker, in_flight, listening) values (0, '00000000-0000-0000-0000-000000000000', 0, false)`,
    ]),
    `create view ${s}.pulse as ${SEGMENTS.map((i) => `select * from ${s}.pulse_${i}`).join(' union all ')}`,
    `insert into ${s}.ring_switch (ring, current) values ('pulse', 0)`,
  ];
}

/** Space is reclaimed, dead workers are noticed, queues are drained, databases may move. */
export const reclaiming: Migration = {
  version: 2,
  name: 'reclaiming',
  compatibleFrom: 1,
  changes: ['worker', 'unique_key', 'custom_id', 'ring'],
  up: ({ schema: s }: SchemaNames) => [
    ...switches(s),
    ...keyRing(s, 'unique_key', 'key'),
    ...keyRing(s, 'custom_id', 'id'),
    ...pulse(s),
    // What maintenance knows of the segments that take no new rows.
    `create table ${s}.segment (
  ring text not null,
  segment smallint not null,
  closed_at timestamptz,
  look_at timestamptz,
  primary key (ring, segment)
)`,
    `insert into ${s}.segment (ring, segment) select r.ring, i from ${s}.ring r, generate_series(0, ${SEGMENTS.length - 1}) i`,
    // Lanes that were drained: what is visible in s1, and was not behind the cursor (c_…) then, is discarded.
    `create table ${s}.drained (
  queue_id int not null,
  lane int not null,
  at timestamptz not null default clock_timestamp(),
  s1 pg_snapshot not null,
  c_s0 pg_snapshot,
  c_s1 pg_snapshot,
  c_pos_txid xid8,
  c_pos_job bigint
)`,
    `create index on ${s}.drained (queue_id, lane)`,
    // The transaction that moved rows or switched a ring of keys last. A sequence, since it must be seen by snapshots that are older.
    `create sequence ${s}.moved_by minvalue 3 start 3`,
    // When maintenance did what is not due by segment.
    `create table ${s}.upkeep (task text primary key, done_at timestamptz not null default '-infinity')`,
    `insert into ${s}.upkeep (task) values ('dead'), ('drained'), ('orphans')`,
    // The cluster that the transaction ids in the log are of.
    `create table ${s}.installation (
  only_row boolean primary key default true check (only_row),
  system_identifier bigint not null
)`,
    `insert into ${s}.installation (system_identifier) select system_identifier from pg_control_system()`,
    `alter table ${s}.worker drop column beat, drop column seen_at, drop column in_flight, drop column listening,
  add column max_stalled jsonb not null default '{}'`,
    // their parameters grow; they are created again with the others
    `drop function if exists ${s}.claim(int, uuid, bigint, int, bigint, int[], text[], boolean, text[])`,
    `drop function if exists ${s}.claim_status(timestamptz, pg_snapshot, int[], int[])`,
    `drop function if exists ${s}.promote(int, int)`,
    `drop function if exists ${s}.finish(int, uuid, text, text, text, text, text, text, text, text, text, boolean)`,
    `drop function if exists ${s}.complete_in(int, uuid, int, bigint, bigint, int, int, text)`,
    `drop function if exists ${s}.register_worker(uuid, text, int, jsonb, boolean)`,
    // it returns one row
    `drop function if exists ${s}.add_jobs(int, text, text, text)`,
    // one of its parameters has another name
    `drop function if exists ${s}.take_custom_id(int, text, bigint)`,
  ],
};
