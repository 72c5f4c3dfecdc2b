const RUN = `created_at => now(), run => 0, attempt => 0, max_attempts => 0, name => '', payload => 'null'`;

/** A set of segments of which one takes new rows, and the others are reclaimed by TRUNCATE. */
export interface Ring {
  readonly name: string;
  /**
   * A row of no queue that each segment keeps: an index without any has no root page, and every look at it reads its
   * first page twice. `column => value`, separated by commas.
   */
  readonly placeholder: string;
  /** What tells a row from the placeholder; rides an index. */
  readonly isRow: string;
  /** Keys of jobs: a switch has to wait for those who know the old segment only. */
  readonly drains: boolean;
}

export const RINGS: readonly Ring[] = [
  { name: 'entry', placeholder: `queue_id => 0, lane => 0, job_id => 0, ${RUN}`, isRow: 'queue_id > 0', drains: false },
  {
    name: 'delayed',
    placeholder: `queue_id => 0, lane => 0, job_id => 0, ${RUN}, run_at => now()`,
    isRow: 'queue_id > 0',
    drains: false,
  },
  {
    name: 'lease',
    placeholder: `queue_id => 0, lane => 0, n => 0, s1 => '1:1:'`,
    isRow: 'queue_id > 0',
    drains: false,
  },
  {
    name: 'result',
    placeholder: `queue_id => 0, job_id => 0, run => 0, state => 'd', revoked => true`,
    isRow: 'queue_id > 0',
    drains: false,
  },
  {
    name: 'unique_key',
    placeholder: `queue_id => 0, key => '', generation => 0, job_id => 0`,
    isRow: 'queue_id > 0',
    drains: true,
  },
  {
    name: 'custom_id',
    placeholder: `queue_id => 0, id => '', generation => 0, job_id => 0`,
    isRow: 'queue_id > 0',
    drains: true,
  },
  {
    name: 'event',
    placeholder: `stream_id => 0, event_id => 0, published_at => now(), type => '', slot => 0, payload => 'null'`,
    isRow: 'stream_id > 0',
    drains: false,
  },
  {
    name: 'pulse',
    placeholder: `n => 0, worker => '00000000-0000-0000-0000-000000000000', in_flight => 0, listening => false`,
    isRow: `worker > '00000000-0000-0000-0000-000000000000'`,
    drains: false,
  },
];

/** The insert that puts a segment's placeholder back. */
export function placeholderInsert(table: string, { placeholder }: Ring): string {
  const pairs = placeholder.split(', ').map((pair) => pair.split(' => '));
  return `insert into ${table} (${pairs.map(([column]) => column).join(', ')}) values (${pairs.map(([, value]) => value).join(', ')})`;
}

/** The segment of a ring that takes new rows, as an expression. */
export const currentSegment = (s: string, ring: string): string =>
  `(select x.current from ${s}.ring_switch x where x.ring = '${ring}' order by x.n desc limit 1)`;
