import { SEGMENTS, type SchemaNames } from '../schema-names.js';

/**
 * What every segment of a ring shares: filled once, never updated, emptied by TRUNCATE; vacuum has nothing to do there.
 * A lease of 500 jobs is not worth compressing: that costs more than all else in its claim.
 */
export const SEGMENT_SETTINGS =
  'with (fillfactor = 100, autovacuum_enabled = off, toast.autovacuum_enabled = off, toast_tuple_target = 8160)';

/** A job as it waits; `entry` and `delayed` hold the same. */
const RUN_COLUMNS = (s: string) => `
  queue_id int not null,
  lane int not null,
  txid xid8 not null default pg_current_xact_id(),
  job_id bigint not null default nextval('${s.replaceAll("'", "''")}.job_id'),
  created_at timestamptz not null,
  run int not null,
  attempt smallint not null,
  max_attempts smallint not null,
  lost smallint not null default 0,
  name text not null,
  payload text not null,
  options jsonb,
  meta jsonb`;

const LEASE_COLUMNS = `
  queue_id int not null,
  lane int not null,
  n bigint not null,
  worker uuid,
  claim_no bigint,
  at timestamptz not null default clock_timestamp(),
  pos_txid xid8,
  pos_job bigint,
  s0 pg_snapshot,
  s1 pg_snapshot not null,
  due_until timestamptz,
  result_seg smallint,
  job_ids bigint[],
  runs int[]`;

const RESULT_COLUMNS = `
  job_id bigint not null,
  finished_at timestamptz not null default clock_timestamp(),
  queue_id int not null,
  ran_ms int,
  run int not null,
  state "char" not null,
  revoked boolean not null default false,
  output text`;

interface Ring {
  readonly name: string;
  readonly columns: string;
  /**
   * A row of no queue that each segment keeps: an index without any has no root page, and every look at it reads its
   * first page twice. Most segments are empty most of the time.
   */
  readonly placeholder: string;
  indexes(table: string): string[];
}

const RUN_PLACEHOLDER = `queue_id => 0, lane => 0, job_id => 0, created_at => now(), run => 0, attempt => 0, max_attempts => 0, name => '', payload => 'null'`;

/** An insert of `column => value, …`. */
function insert(table: string, values: string): string {
  const pairs = values.split(', ').map((pair) => pair.split(' => '));
  return `insert into ${table} (${pairs.map(([column]) => column).join(', ')}) values (${pairs.map(([, value]) => value).join(', ')})`;
}

function rings(s: string): Ring[] {
  return [
    {
      name: 'entry',
      columns: RUN_COLUMNS(s),
      placeholder: RUN_PLACEHOLDER,
      // by place in the line, and by job
      indexes: (t) => [
        `create index on ${t} (queue_id, lane, txid, job_id)`,
        `create index on ${t} (queue_id, job_id)`,
      ],
    },
    {
      name: 'delayed',
      columns: `${RUN_COLUMNS(s)},\n  run_at timestamptz not null`,
      placeholder: `${RUN_PLACEHOLDER}, run_at => now()`,
      // by due time, by arrival (run_at inside, so that what is not due costs no look at the table), and by job
      indexes: (t) => [
        `create index on ${t} (queue_id, run_at, txid, job_id)`,
        `create index on ${t} (queue_id, txid, run_at)`,
        `create index on ${t} (queue_id, job_id)`,
      ],
    },
    {
      name: 'lease',
      columns: LEASE_COLUMNS,
      placeholder: `queue_id => 0, lane => 0, n => 0, s1 => '1:1:'`,
      indexes: (t) => [`create unique index on ${t} (queue_id, lane, n)`],
    },
    {
      name: 'result',
      columns: RESULT_COLUMNS,
      placeholder: `queue_id => 0, job_id => 0, run => 0, state => 'd', revoked => true`,
      // the second is normally empty: what ended while it waited, for claims to pass over
      indexes: (t) => [
        `create unique index on ${t} (queue_id, job_id, run)`,
        `create index on ${t} (queue_id, job_id, run) where revoked`,
      ],
    },
  ];
}

function ringSql(s: string, ring: Ring): string[] {
  const segments = SEGMENTS.map((i) => `${s}.${ring.name}_${i}`);
  return [
    ...segments.flatMap((t) => [
      `create table ${t} (${ring.columns}) ${SEGMENT_SETTINGS}`,
      ...ring.indexes(t),
      insert(t, ring.placeholder),
    ]),
    `create view ${s}.${ring.name} as ${segments.map((t) => `select * from ${t}`).join(' union all ')}`,
    `insert into ${s}.ring (ring, current) values ('${ring.name}', 0)`,
  ];
}

/** The tables of the log. Every table and key of a queue starts with its `queue_id`. */
export function tables({ schema: s }: SchemaNames): string[] {
  return [
    `create sequence ${s}.job_id`,
    `create table ${s}.queue (
  queue_id int generated always as identity primary key,
  name text not null unique,
  paused boolean not null default false,
  settings jsonb not null default '{}',
  created_at timestamptz not null default now()
)`,
    // The special lanes, by kind (special_lane() says which), name and priority; ordinary lanes (0 to 255, the priority) need no row.
    `create table ${s}.lane (
  queue_id int not null,
  lane int not null,
  kind "char" not null,
  name text,
  priority smallint not null default 0,
  primary key (queue_id, lane),
  unique (queue_id, kind, name, priority)
)`,
    `create table ${s}.worker (
  worker uuid primary key,
  host text not null,
  pid int not null,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  beat bigint not null default 0,
  listening boolean not null,
  in_flight int not null default 0,
  handles jsonb not null,
  dead boolean not null default false
) with (fillfactor = 50)`,
    // Which segment of each ring takes new rows; changed by rotation only.
    `create table ${s}.ring (
  ring text primary key,
  current smallint not null,
  switched_at timestamptz not null default clock_timestamp()
)`,
    ...rings(s).flatMap((ring) => ringSql(s, ring)),
    // Append-only compare-and-swap: the newest generation says which job holds the key.
    `create table ${s}.unique_key (
  queue_id int not null,
  key text not null,
  generation int not null,
  job_id bigint not null,
  primary key (queue_id, key, generation)
)`,
    `create table ${s}.custom_id (
  queue_id int not null,
  id text not null,
  generation int not null,
  job_id bigint not null,
  primary key (queue_id, id, generation)
)`,
    `create table ${s}.dead (
  queue_id int not null,
  job_id bigint not null,
  run int not null,
  attempt smallint not null,
  max_attempts smallint not null,
  lost smallint not null default 0,
  lane int not null,
  created_at timestamptz not null,
  died_at timestamptz not null default clock_timestamp(),
  ran_ms int,
  reason text not null,
  name text not null,
  payload text not null,
  options jsonb,
  meta jsonb,
  primary key (queue_id, job_id)
)`,
    `create index on ${s}.dead (queue_id, died_at, job_id)`,
  ];
}
