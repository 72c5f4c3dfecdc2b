/**
 * Who leases what belongs to no process: batches of a StreamClient. It has no row among the workers, and so never dies; what it
 * holds, it holds until it is acknowledged.
 */
export const CLIENT_WORKER = `'00000000-0000-0000-0000-000000000000'::uuid`;

/** Whether `_worker` may lease anything, as an expression. */
export const workerIsAlive = (s: string): string =>
  `(_worker = ${CLIENT_WORKER} or exists (select from ${s}.worker w where w.worker = _worker and not w.dead))`;
