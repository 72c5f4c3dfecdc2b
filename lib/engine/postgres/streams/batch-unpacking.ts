import type { BatchClaim, EventTries } from '../../worker-engine.interface.js';
import { type EventRow, unpackEvents } from './event-packing.js';

/** One row of take_batch(): a stretch of the batch's events; the last one has a status only. */
export interface BatchRow extends EventRow {
  readonly lane: number;
  readonly n: string | null;
  readonly held: string[];
  readonly job_id: string;
  readonly tries: EventTries | null;
  readonly look_in: number | null;
  readonly status: string | null;
}

interface Status {
  readonly at: number;
  readonly running: string[];
  readonly open: number[];
}

export function unpackBatch(rows: readonly BatchRow[], claimNo: number): BatchClaim {
  const last = rows.at(-1)!;
  const { at, running, open } = JSON.parse(last.status!) as Status;
  const [first] = rows as [BatchRow];
  const batch =
    first.n === null
      ? undefined
      : {
          key: first.job_id,
          lease: { lane: first.lane, n: first.n, claimNo },
          events: rows.slice(0, -1).flatMap(unpackEvents),
          tries: first.tries,
          held: first.held,
        };
  return { batch, at, running, more: open.length > 0, lookIn: last.look_in };
}
