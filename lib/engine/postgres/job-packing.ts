import type { AddedJob, JobDraft, JobRecord, RecordedState, ResolvedJobOptions } from '../job-engine.interface.js';
import { PACK_SEPARATOR } from './schema-names.js';

/** What add_jobs() takes, and what it returns. */
export interface PackedJobs {
  readonly shapes: string;
  readonly shapeOf: string | null;
  readonly payloads: string;
}
export interface AddedRow {
  readonly ids: string;
  readonly at: string;
  readonly existing: string | null;
  readonly wake: string | null;
  /** Of a statement that announces by itself: not null when it has. */
  readonly notified?: boolean | null;
}

const shapesByOptions = new WeakMap<ResolvedJobOptions, { name: string; shape: string }>();

/** Name and options as add_jobs() wants them. The last one of each options object is kept: `add()` mostly says the same. */
function shape({ name, options }: JobDraft): string {
  const last = shapesByOptions.get(options);
  if (last?.name === name) return last.shape;
  const { attempts, priority, ...rest } = options;
  const stored = priority === 0 ? rest : { priority, ...rest };
  const text = JSON.stringify({ name, attempts, options: Object.keys(stored).length === 0 ? null : stored });
  shapesByOptions.set(options, { name, shape: text });
  return text;
}

export function packJobs(drafts: readonly JobDraft[]): PackedJobs {
  const shapes = new Map<string, number>();
  const shapeOf: number[] = [];
  for (const draft of drafts) {
    // a key or id belongs to one job: two that ask for the same are two shapes
    const own = draft.options.uniqueKey !== undefined || draft.options.jobId !== undefined;
    const key = own ? `${shape(draft)}\n${shapeOf.length}` : shape(draft);
    let index = shapes.get(key);
    if (index === undefined) shapes.set(key, (index = shapes.size));
    shapeOf.push(index);
  }
  return {
    shapes: `[${[...shapes.keys()].join(',')}]`.replaceAll(/\n\d+/g, ''),
    shapeOf: shapes.size > 1 ? shapeOf.join(',') : null,
    payloads: drafts.map(({ data }) => data).join(PACK_SEPARATOR),
  };
}

export function unpackAdded(row: AddedRow, drafts: readonly JobDraft[]): AddedJob[] {
  const ids = parseArray(row.ids);
  const existing = row.existing === null ? {} : (JSON.parse(row.existing) as Record<string, StoredJob>);
  return drafts.map((draft, i) => {
    const found = existing[i];
    const key = ids[i]!;
    if (found === undefined) return { id: draft.options.jobId ?? key, key, createdAt: Number(row.at) };
    const record = toRecord(found);
    return { id: record.id, key: record.key, createdAt: record.createdAt, existing: record };
  });
}

/** The elements of a one-dimensional array of numbers, as PostgreSQL writes it. */
export function parseArray(text: string): string[] {
  return text === '{}' ? [] : text.slice(1, -1).split(',');
}

/** A job_record(). */
export interface StoredJob {
  readonly key: string;
  readonly name: string;
  readonly data: string;
  readonly options?: Omit<ResolvedJobOptions, 'attempts' | 'priority'> & { priority?: number };
  readonly attempts: number;
  readonly state: RecordedState;
  readonly attemptsStarted: number;
  readonly attemptsMade: number;
  readonly result?: string;
  readonly errors?: { message: string; stack?: string }[];
  readonly createdAt: number;
  readonly processedOn?: number;
  readonly finishedOn?: number;
}

export function toRecord(stored: StoredJob): JobRecord {
  const { attempts, options, result, errors, processedOn, finishedOn, createdAt, ...rest } = stored;
  return {
    ...rest,
    id: options?.jobId ?? stored.key,
    options: { attempts, priority: 0, ...options },
    result: result ?? null,
    errors: errors ?? [],
    createdAt: Math.floor(createdAt),
    ...(processedOn !== undefined && { processedOn: Math.floor(processedOn) }),
    ...(finishedOn !== undefined && { finishedOn: Math.floor(finishedOn) }),
  };
}
