import { placeholderInsert, RINGS } from '../rings.js';
import { SEGMENTS, type SchemaNames } from '../schema-names.js';
import { SEGMENT_SETTINGS } from './0001-log.tables.js';
import type { Migration } from './migration.js';

const EVENT_COLUMNS = (s: string) => `
  stream_id int not null,
  txid xid8 not null default pg_current_xact_id(),
  event_id bigint not null default nextval('${s.replaceAll("'", "''")}.job_id'),
  published_at timestamptz not null,
  type text not null,
  key text,
  slot smallint,
  payload text not null,
  headers jsonb`;

/** Events are numbered as jobs are: one that is retried is a job of its group, under its own id. */
function events(s: string): string[] {
  const ring = RINGS.find(({ name }) => name === 'event')!;
  return [
    ...SEGMENTS.flatMap((i) => [
      `create table ${s}.event_${i} (${EVENT_COLUMNS(s)}) ${SEGMENT_SETTINGS}`,
      `create index on ${s}.event_${i} (stream_id, txid, event_id)`,
      // for groups that hold keys: keys are spread over slots
      `create index on ${s}.event_${i} (stream_id, slot, txid, event_id) where slot is not null`,
      placeholderInsert(`${s}.event_${i}`, ring),
    ]),
    `create view ${s}.event as ${SEGMENTS.map((i) => `select * from ${s}.event_${i}`).join(' union all ')}`,
    `insert into ${s}.ring_switch (ring, current) values ('event', 0)`,
    `create or replace view ${s}.ring as
select k.ring, w.current, w.switched_at, w.draining, w.n from (values ${RINGS.map(({ name }) => `('${name}')`).join(', ')}) k (ring)
 cross join lateral (select * from ${s}.ring_switch x where x.ring = k.ring order by x.n desc limit 1) w`,
    `insert into ${s}.segment (ring, segment) select 'event', i from generate_series(0, ${SEGMENTS.length - 1}) i`,
  ];
}

/** Streams of events, and groups that read them. */
export const streams: Migration = {
  version: 3,
  name: 'streams',
  compatibleFrom: 1,
  changes: ['queue', 'lease_0', 'lease_1', 'lease_2', 'ring'],
  up: ({ schema: s }: SchemaNames) => [
    // 's': a stream, whose events have its id; 'g': a group, which is a queue of its own: what it has to repeat are jobs there
    `alter table ${s}.queue add column kind "char" not null default 'q', add column stream_id int`,
    // a batch: the cursor it begins after, and how many events it has; where it ends is the lease's own cursor. `tries`: of the event that comes next, where it holds up the others
    ...SEGMENTS.map(
      (i) =>
        `alter table ${s}.lease_${i} add column from_s0 pg_snapshot, add column from_s1 pg_snapshot, add column from_txid xid8, add column from_job bigint, add column events int, add column tries jsonb`,
    ),
    `create or replace view ${s}.lease as ${SEGMENTS.map((i) => `select * from ${s}.lease_${i}`).join(' union all ')}`,
    ...events(s),
    // Off the hot path, and so plain tables: keys that a group holds, by the event they wait for; and which events wait, in their order.
    `create table ${s}.held_key (group_id int not null, key text not null, event_id bigint not null, primary key (group_id, key))`,
    `create table ${s}.parked_event (
  group_id int not null,
  key text not null,
  n bigint generated always as identity,
  event_id bigint not null,
  primary key (group_id, key, n)
)`,
    // What all groups of a stream had passed at a time: retention counts from then.
    `create table ${s}.stream_mark (
  stream_id int not null,
  at timestamptz not null,
  passed pg_snapshot not null,
  primary key (stream_id, at)
)`,
    // What upkeep knows of a group: how many events it was too late for, and since when, and with how many of them, it is known
    // to be far behind; and of its lanes, before which of their batches all have ended.
    `create table ${s}.stream_group (
  group_id int primary key,
  dropped bigint not null default 0,
  reported_at timestamptz,
  reported bigint not null default 0
)`,
    `create table ${s}.stream_lane (
  group_id int not null,
  lane int not null,
  open_from bigint not null,
  primary key (group_id, lane)
)`,
    `insert into ${s}.upkeep (task) values ('behind')`,
    // it returns a column more
    `drop function if exists ${s}.open_runs(uuid, interval)`,
  ],
};
