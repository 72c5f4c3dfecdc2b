import type { Claim, ClaimRequest, WorkerEngine } from '../engine/worker-engine.interface.js';
import type { Routes } from './routes.js';

/** Characters of data in one claim: bounds what a process holds in memory. */
const CLAIM_BYTES = 8 * 1024 * 1024;

/**
 * Makes one queue's claims, one at a time, each under its number.
 *
 * - A claim whose answer was lost is repeated under its number: if it was made, the same leases come back.
 */
export class Claimer {
  readonly #engine: WorkerEngine;
  readonly #queueId: number;
  readonly #routes: Routes;
  readonly #worker: () => string;
  #claimNo = 1;
  #unanswered = false;

  constructor(deps: { engine: WorkerEngine; queueId: number; routes: Routes; worker: () => string }) {
    this.#engine = deps.engine;
    this.#queueId = deps.queueId;
    this.#routes = deps.routes;
    this.#worker = deps.worker;
  }

  /** Whether the last claim was sent and no answer came: it may hold leases that nobody here knows. */
  get unanswered(): boolean {
    return this.#unanswered;
  }

  /** That claim's number. */
  get unansweredNo(): number | undefined {
    return this.#unanswered ? this.#claimNo : undefined;
  }

  async claim(
    want: number,
    lanes: readonly number[] | null,
    full: readonly string[] | null,
    suspect = false,
    places: ClaimRequest['places'] = null,
  ): Promise<Claim> {
    const again = this.#unanswered;
    this.#unanswered = true;
    const claim = await this.#engine.claim(this.#worker(), {
      queueId: this.#queueId,
      claimNo: this.#claimNo,
      again,
      want,
      maxBytes: CLAIM_BYTES,
      lanes,
      names: this.#routes.names,
      full,
      suspect,
      places,
    });
    this.#unanswered = false;
    this.#claimNo++;
    return claim;
  }
}
