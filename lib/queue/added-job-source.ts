import type { AddedJob, JobDraft } from '../engine/job-engine.interface.js';
import type { JobSource } from './job-source.js';

/** What `add()` returns shows: the job just written, without asking for it, or the earlier one that was found instead. */
export function addedJobSource(draft: JobDraft, added: AddedJob): JobSource {
  if (added.existing !== undefined) return { ...added.existing, deduplicated: true };
  return {
    id: added.id,
    name: draft.name,
    data: draft.data,
    options: draft.options,
    attemptsStarted: 0,
    attemptsMade: 0,
    result: null,
    errors: [],
    createdAt: added.createdAt,
  };
}
