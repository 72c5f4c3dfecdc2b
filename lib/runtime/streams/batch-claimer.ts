import type { BatchClaim, WorkerEngine } from '../../engine/worker-engine.interface.js';

/** Characters of data in one batch: bounds what a process holds in memory. */
const BATCH_BYTES = 8 * 1024 * 1024;

export interface BatchClaimerDeps {
  readonly engine: Pick<WorkerEngine, 'takeBatch'>;
  readonly groupId: number;
  /** Events in a batch, at most. */
  readonly maxMessages: number;
  worker(): string;
}

/**
 * Takes one group's batches, one at a time, each under its number.
 *
 * - One whose answer was lost is asked for again under its number: if it was made, the same comes back.
 */
export class BatchClaimer {
  readonly #deps: BatchClaimerDeps;
  #claimNo = 1;
  #unanswered = false;

  constructor(deps: BatchClaimerDeps) {
    this.#deps = deps;
  }

  /** The number of a claim that was sent, and no answer came: it may have made a batch that nobody here knows. */
  get unansweredNo(): number | undefined {
    return this.#unanswered ? this.#claimNo : undefined;
  }

  /** @param limit 0: nothing new, but what an unanswered claim has made. */
  async take(limit = this.#deps.maxMessages): Promise<BatchClaim> {
    const { engine, groupId } = this.#deps;
    const again = this.#unanswered;
    this.#unanswered = true;
    const claim = await engine.takeBatch(this.#deps.worker(), {
      groupId,
      claimNo: this.#claimNo,
      again,
      limit,
      maxBytes: BATCH_BYTES,
    });
    this.#unanswered = false;
    this.#claimNo++;
    return claim;
  }
}
