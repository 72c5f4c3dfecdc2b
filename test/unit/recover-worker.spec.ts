import { expect, it, vi } from 'vitest';
import type { MaintenanceEngine, Recovery } from '../../lib/engine/maintenance-engine.interface.js';
import { recoverWorker } from '../../lib/runtime/recover-worker.js';
import { RecordingLogger } from '../support/application.js';

const NOTHING: Recovery = { lost: [], stalled: [], locked: 0, more: false };

function setUp(recover: MaintenanceEngine['recover']) {
  const retire = vi.fn<MaintenanceEngine['retire']>(async () => undefined);
  const engine = { queueIds: async () => [1, 2, 3], recover, retire } as unknown as MaintenanceEngine;
  const log = new RecordingLogger();
  const stalled: [number, readonly string[]][] = [];
  const recovering = recoverWorker('w', { engine, log, onStalled: (queueId, ids) => stalled.push([queueId, ids]) });
  return { recovering, retire, log, stalled };
}

it('one queue’s trouble does not stop the recovery of another’s, and the worker is kept for another try', async () => {
  const { recovering, retire, log, stalled } = setUp(async (queueId, _worker, recent) => {
    if (queueId === 2) throw new Error('broken');
    return recent ? { ...NOTHING, lost: [`job of ${queueId}`] } : NOTHING;
  });
  await recovering;
  expect(stalled).toEqual([
    [1, ['job of 1']],
    [3, ['job of 3']],
  ]);
  expect(retire).not.toHaveBeenCalled();
  expect(log.texts('error')[0]).toContain('broken');
});

it('a worker whose run is locked by a transaction is kept; one of which nothing is left is forgotten', async () => {
  const locked = setUp(async (queueId) => ({ ...NOTHING, locked: queueId === 3 ? 1 : 0 }));
  await locked.recovering;
  expect(locked.retire).not.toHaveBeenCalled();
  const pages: Recovery[] = [
    { ...NOTHING, lost: ['1'], more: true },
    { ...NOTHING, stalled: ['2'] },
  ];
  const done = setUp(async () => pages.shift() ?? NOTHING);
  await done.recovering;
  expect(done.retire).toHaveBeenCalledExactlyOnceWith('w');
  expect(done.stalled).toEqual([
    [1, ['1']],
    [1, ['2']],
  ]);
});
