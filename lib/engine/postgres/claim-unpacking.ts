import type { AttemptError, ResolvedJobOptions } from '../job-engine.interface.js';
import type { Claim, ClaimedRun } from '../worker-engine.interface.js';
import { parseArray } from './job-packing.js';
import { PACK_SEPARATOR } from './schema-names.js';

/** One row of claim(): a stretch of a lease, packed; the last one has a status only. */
export interface ClaimRow {
  readonly lane: number | null;
  readonly n: string;
  readonly job_ids: string;
  readonly runs: string;
  readonly attempts: string;
  readonly max_attempts: string;
  readonly created: string;
  readonly names: string;
  readonly options: string | null;
  readonly meta: string | null;
  readonly payloads: string;
  readonly status: string | null;
}

interface Status {
  readonly at: number;
  readonly running: string[];
  readonly open: number[] | null;
  readonly parked: number[];
  readonly suspects: number[];
  readonly lost: string[];
}

type Meta = { errors?: AttemptError[] } | null;

const NO_ERRORS: readonly AttemptError[] = Object.freeze([]);

export function unpackClaim(rows: readonly ClaimRow[], claimNo: number): Claim {
  const status = JSON.parse(rows.at(-1)!.status!) as Status;
  const runs: ClaimedRun[] = [];
  for (const row of rows) {
    if (row.lane !== null) unpackStretch(row, runs, claimNo);
  }
  return {
    runs,
    at: status.at,
    running: status.running,
    open: status.open,
    parked: status.parked,
    suspects: status.suspects,
    lost: status.lost,
  };
}

function unpackStretch(row: ClaimRow, runs: ClaimedRun[], claimNo: number): void {
  const lease = { lane: row.lane!, n: row.n, claimNo };
  const keys = parseArray(row.job_ids);
  const runNumbers = parseArray(row.runs);
  const attempts = parseArray(row.attempts);
  const maxAttempts = parseArray(row.max_attempts);
  const created = parseArray(row.created);
  const names = JSON.parse(row.names) as string[];
  const options = row.options === null ? null : (JSON.parse(row.options) as (Partial<ResolvedJobOptions> | null)[]);
  const meta = row.meta === null ? null : (JSON.parse(row.meta) as Meta[]);
  const payloads = row.payloads.split(PACK_SEPARATOR);
  for (let i = 0; i < keys.length; i++) {
    runs.push({
      key: keys[i]!,
      run: Number(runNumbers[i]),
      attempt: Number(attempts[i]),
      maxAttempts: Number(maxAttempts[i]),
      name: names[i]!,
      data: payloads[i]!,
      options: options === null ? null : options[i]!,
      errors: meta?.[i]?.errors ?? NO_ERRORS,
      createdAt: Number(created[i]),
      lease,
    });
  }
}
