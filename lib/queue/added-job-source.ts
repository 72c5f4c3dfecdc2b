import type { AddedJob, JobDraft, ResolvedJobOptions } from '../engine/job-engine.interface.js';
import type { JobSource } from './job-source.js';

/** What `add()` returns shows: the job just written, without asking for it, or the earlier one that was found instead. */
export function addedJobSource(draft: JobDraft, added: AddedJob): JobSource {
  if (added.existing !== undefined) return { ...added.existing, deduplicated: true };
  return new FreshJob(draft, added);
}

/** Two references: of a bulk of thousands most are never looked at. */
class FreshJob implements JobSource {
  readonly #draft: JobDraft;
  readonly #added: AddedJob;

  constructor(draft: JobDraft, added: AddedJob) {
    this.#draft = draft;
    this.#added = added;
  }

  get id(): string {
    return this.#added.id;
  }

  get name(): string {
    return this.#draft.name;
  }

  get data(): string {
    return this.#draft.data;
  }

  get options(): ResolvedJobOptions {
    return this.#draft.options;
  }

  get createdAt(): number {
    return this.#added.createdAt;
  }

  get attemptsStarted(): number {
    return 0;
  }

  get attemptsMade(): number {
    return 0;
  }

  get result(): null {
    return null;
  }

  get errors(): readonly [] {
    return [];
  }
}
