import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MaintenanceEngine } from '../../lib/engine/maintenance-engine.interface.js';
import { Watchman } from '../../lib/runtime/watchman.js';
import { RecordingLogger } from '../support/application.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

it('what is left of a dead worker is looked for with pauses that grow, and at once when another dies', async () => {
  let dead = ['first'];
  let locked = 1;
  const recovered: string[] = [];
  const engine = {
    workersSeen: async () => dead.map((worker) => ({ worker, dead: true, pulse: '1', listening: true })),
    queueIds: async () => [1],
    recover: async (_: number, worker: string, recent: boolean) => {
      if (recent) recovered.push(worker);
      return { lost: [], stalled: [], locked: worker === 'first' ? locked : 0, more: false };
    },
    retire: async (worker: string) => {
      dead = dead.filter((one) => one !== worker);
    },
  } as unknown as MaintenanceEngine;
  const watchman = new Watchman({ engine, log: new RecordingLogger(), self: () => 'self', onStalled: () => undefined });
  watchman.start();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  // after 0.5, 1, 2, 4, 8 and 16 s, and every 30 s
  expect(recovered.length).toBeGreaterThan(15);
  expect(recovered.length).toBeLessThan(30);
  recovered.length = 0;
  dead.push('second');
  await vi.advanceTimersByTimeAsync(600);
  expect(recovered).toContain('second');
  locked = 0;
  await vi.advanceTimersByTimeAsync(31_000);
  expect(dead).toEqual([]);
  await watchman.stop();
});
