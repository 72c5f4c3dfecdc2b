import type { MaintenanceEngine } from '../engine/maintenance-engine.interface.js';
import type { Log } from '../utils/log.js';

export interface RecoverDeps {
  readonly engine: MaintenanceEngine;
  readonly log: Log;
  /** Jobs of a queue were recovered. */
  readonly onStalled: (queueId: number, jobIds: readonly string[]) => void;
}

/**
 * Lets what a dead worker held run again, queue by queue, each in transactions of its own: one queue's trouble does not
 * stop another's. What it had claimed last comes first. The worker is forgotten when nothing of it is left.
 *
 * Returns whether that is so: otherwise a run is locked by an open transaction, another process is at it, or it failed.
 */
export async function recoverWorker(worker: string, { engine, log, onStalled }: RecoverDeps): Promise<boolean> {
  let isDone = true;
  const queueIds = await engine.queueIds();
  for (const recent of [true, false]) {
    for (const queueId of queueIds) {
      try {
        isDone = (await recoverQueue(queueId, worker, recent, { engine, log, onStalled })) && isDone;
      } catch (error) {
        isDone = false;
        log.error(`Queue ${queueId}: the jobs of worker ${worker} are not recovered yet: ${String(error)}`);
      }
    }
  }
  if (isDone) await engine.retire(worker);
  return isDone;
}

/** Whether nothing is left of it. */
async function recoverQueue(
  queueId: number,
  worker: string,
  recent: boolean,
  { engine, log, onStalled }: RecoverDeps,
): Promise<boolean> {
  for (;;) {
    const { lost, stalled, locked, more } = await engine.recover(queueId, worker, recent);
    if (stalled.length > 0) {
      log.error(`Jobs whose process died again and again are dead as stalled: ${stalled.join(', ')}`);
    }
    if (lost.length + stalled.length > 0) onStalled(queueId, [...lost, ...stalled]);
    if (!more) return locked === 0;
    if (lost.length + stalled.length === 0) return false;
  }
}
