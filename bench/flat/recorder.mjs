import { PostgresMaintenanceEngine } from '../../dist/engine/postgres/postgres-maintenance.engine.js';
import { PostgresWorkerEngine } from '../../dist/engine/postgres/postgres-worker.engine.js';

/** When each claim was made and how long it took, and what became of each task of maintenance. */
export class Recorder {
  claims = [];
  promotions = [];
  upkeep = [];
  /** Since when segments are being rotated or reclaimed; undefined: none is. */
  busySince;
  #lastBusy = -Infinity;

  async claim(work) {
    const at = performance.now();
    const answer = await work();
    const now = performance.now();
    this.claims.push({ at, ms: now - at, duringUpkeep: this.busySince !== undefined || this.#lastBusy > at });
    return answer;
  }

  async promote(work) {
    const at = performance.now();
    const answer = await work();
    this.promotions.push({ at, ms: performance.now() - at });
    return answer;
  }

  async task(what, ring, work) {
    const at = (this.busySince = performance.now());
    let became;
    try {
      became = await work();
      return became;
    } finally {
      this.#lastBusy = performance.now();
      this.busySince = undefined;
      this.upkeep.push({ at, what, ring, ms: this.#lastBusy - at, became });
    }
  }
}

export class RecordingWorkerEngine extends PostgresWorkerEngine {
  #recorder;

  constructor(recorder, ...deps) {
    super(...deps);
    this.#recorder = recorder;
  }

  async claim(...values) {
    return this.#recorder.claim(async () => super.claim(...values));
  }

  async promote(...values) {
    return this.#recorder.promote(async () => super.promote(...values));
  }
}

export class RecordingMaintenance extends PostgresMaintenanceEngine {
  #recorder;

  constructor(recorder, ...deps) {
    super(...deps);
    this.#recorder = recorder;
  }

  async rotate(ring) {
    return this.#recorder.task('rotate', ring, async () => super.rotate(ring));
  }

  async settle(ring) {
    return this.#recorder.task('settle', ring, async () => super.settle(ring));
  }

  async reclaim(ring, segment) {
    return this.#recorder.task('reclaim', ring, async () => super.reclaim(ring, segment));
  }
}
