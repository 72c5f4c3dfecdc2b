import type { JobEngine } from '../../lib/engine/job-engine.interface.js';
import type { WakeUpCallbacks, WakeUpListener } from '../../lib/engine/wake-up.interface.js';
import type { Claim, ClaimedRun, WorkerEngine } from '../../lib/engine/worker-engine.interface.js';
import type { ProcessorDefinition } from '../../lib/runtime/processor-definition.js';

/** A log that is empty and agrees to everything; `overrides` says what a test wants of it. */
export function fakeEngine(overrides: Partial<WorkerEngine> = {}): WorkerEngine {
  return {
    isDataError: () => false,
    ensureQueue: async () => 1,
    register: async () => undefined,
    beat: async () => true,
    limits: async () => new Map(),
    retire: async () => undefined,
    claim: async () => claimed(),
    takeBatch: async () => ({ batch: undefined, at: Date.now(), running: [], more: false, lookIn: null }),
    finish: async () => [],
    promote: async () => ({ lanes: [], nextDueIn: null, more: false }),
    releaseEnded: async () => undefined,
    openRuns: async () => [],
    runsTaken: async () => [],
    completeIn: async () => undefined,
    onLocalWake: () => () => undefined,
    ...overrides,
  };
}

export const noJobs = {} as JobEngine;
export const limits = { maxDataBytes: 1e6, warnDataBytes: 1e6, maxDataDepth: 100 };

/** What a claim has fetched. */
export function claimed(runs: ClaimedRun[] = [], rest: Partial<Claim> = {}): Claim {
  return { runs, at: Date.now(), running: [], open: [], parked: [], suspects: [], lost: [], ...rest };
}

export function claimedRun(key: string, claimNo = 1, lane = 0): ClaimedRun {
  return {
    key,
    run: 1,
    attempt: 1,
    maxAttempts: 3,
    name: 'job',
    data: 'null',
    options: null,
    errors: [],
    createdAt: 0,
    lease: { lane, n: '1', claimNo },
  };
}

/** A processor that takes every name. */
export function definition(run: (key: string) => unknown, concurrency = 1): ProcessorDefinition {
  return {
    label: 'Fake',
    queue: 'queue',
    options: {
      concurrency,
      shutdownTimeout: 1_000,
      maxStalledCount: 1,
      backoff: { type: 'fixed', delay: 1_000 },
      pollInterval: 1_000,
    },
    handlers: new Map(),
    catchAll: { label: 'Fake.handle', run: (job) => run((job as { id: string }).id) },
    listeners: { active: [], completed: [], failed: [], stalled: [], error: [] },
  };
}

/** Hears when a test says so; `stopping` is what its stop() waits for. */
export class FakeListener implements WakeUpListener {
  callbacks: WakeUpCallbacks | undefined;
  worker: string | undefined;
  stopping: Promise<void> | undefined;

  get listening(): boolean {
    return this.callbacks !== undefined;
  }

  start(worker: string, callbacks: WakeUpCallbacks): void {
    this.worker = worker;
    this.callbacks = callbacks;
  }

  async stop(): Promise<void> {
    await this.stopping;
    this.callbacks = undefined;
  }
}
