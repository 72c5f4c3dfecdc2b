import type { SqlExecutor } from '../interfaces/transaction.interface.js';
import type { AttemptError, ResolvedJobOptions } from './job-engine.interface.js';
import type { EventRecord } from './stream-engine.interface.js';

/** What a process says of itself: by queue, the job names it handles; null for all. */
export type HandledNames = Record<string, readonly string[] | null>;

/** The lane number under which a group keeps its place in its stream: what its batches are leased under. */
export const STREAM_LANE = -2147483647;

/** Whether a lease is a batch's: where keys are held, slots of keys have lanes of their own, next to the stream's. */
export const isStreamLane = (lane: number): boolean => lane >= STREAM_LANE && lane < STREAM_LANE + 100;

/** A claim's hold on a lane: what its runs are finished under. */
export interface Lease {
  readonly lane: number;
  /** The lease's number in its lane (a bigint as text). */
  readonly n: string;
  /** The claim that made it: after a failover that lost leases, the same number may be given again; a claim's never is. */
  readonly claimNo: number;
}

/** One run of a job, as a claim hands it out. */
export interface ClaimedRun {
  /** The job's id inside (a bigint as text). */
  readonly key: string;
  readonly run: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly name: string;
  /** JSON text. */
  readonly data: string;
  readonly options: (Partial<ResolvedJobOptions> & Partial<EventOptions>) | null;
  readonly errors: readonly AttemptError[];
  /** Epoch milliseconds by the database's clock. */
  readonly createdAt: number;
  readonly lease: Lease;
  /** Of an event's first run: it comes with a batch and has no row of its own. */
  readonly event?: EventRecord;
  /** Of a batch that is one run. */
  readonly batch?: Batch;
}

/** What a run of an event has as options: what it has beside type and data. */
export interface EventOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cursor: string;
}

export interface ClaimRequest {
  readonly queueId: number;
  /** Grows by one with each claim of this worker on this queue. */
  readonly claimNo: number;
  /** Whether this repeats a claim whose answer was lost. */
  readonly again: boolean;
  readonly want: number;
  readonly maxBytes: number;
  /** The lanes to look at, in this order; null: whatever is in use. */
  readonly lanes: readonly number[] | null;
  /** Names this process handles; null: all. */
  readonly names: readonly string[] | null;
  /** Those of them it has no room for now; null: none. */
  readonly full: readonly string[] | null;
  /** Whether it may take a suspect: a run that was lost with its process twice. */
  readonly suspect: boolean;
  /** How many places are free, by name; '' is every other name. Of runs that were lost once it takes no more; null: it may. */
  readonly places: Readonly<Record<string, number>> | null;
}

export interface Claim {
  readonly runs: ClaimedRun[];
  /** Epoch milliseconds by the database's clock. */
  readonly at: number;
  /** Ids of the transactions that were open in its snapshot: what they have added it could not see. */
  readonly running: readonly string[];
  /** Lanes that may hold more; null: unknown, look at all. */
  readonly open: readonly number[] | null;
  /** Lanes that hold jobs of names this process had no room for, or does not handle. */
  readonly parked: readonly number[];
  /** Lanes of suspects among those that were looked at. */
  readonly suspects: readonly number[];
  /** Names of which runs that were lost once wait for a free place. */
  readonly lost: readonly string[];
}

export interface BatchRequest {
  readonly groupId: number;
  /** As a claim's. */
  readonly claimNo: number;
  readonly again: boolean;
  /** Events, at most. */
  readonly limit: number;
  readonly maxBytes: number;
}

/** Events of a stream that were handed out together: for the log, one run of a job of the group. */
export interface Batch {
  /** The job's id (a bigint as text); its run is the first. */
  readonly key: string;
  readonly lease: Lease;
  readonly events: readonly EventRecord[];
  /** Of the first event, where it holds up the others: it was delivered before. */
  readonly tries: EventTries | null;
  /** Keys of which an event is being retried. */
  readonly held: readonly string[];
}

/** What is kept of an event that holds up its stream. */
export interface EventTries {
  /** The attempt that is next. */
  readonly attempt?: number;
  readonly errors?: readonly AttemptError[];
  /** How often it was lost with its process. */
  readonly lost?: number;
  /** So many events, this one the first, are delivered one by one: one of them has made its batch fail. */
  readonly single?: number;
  /** Events behind it that have ended already. */
  readonly skip?: readonly (string | number)[];
}

export interface BatchClaim {
  /** Undefined: there is nothing to take. */
  readonly batch: Batch | undefined;
  readonly at: number;
  readonly running: readonly string[];
  /** Whether there is more. */
  readonly more: boolean;
  /** Milliseconds until it is worth another look, though nothing is published; null: nothing is known of that. */
  readonly lookIn: number | null;
}

/** What follows from a run that does not simply complete. */
export interface FollowUp {
  /** How the run ended: retried, postponed, handed back, dead; or completed, with something that follows. */
  readonly state: 'r' | 'p' | 'm' | 'f' | 'c';
  /** Milliseconds until the next run. */
  readonly delay?: number;
  /** Where the next run goes at once: its lane, its lane's front, its name's lane. */
  readonly to?: 'home' | 'front' | 'name';
  /** Why the job is dead. */
  readonly reason?: 'exhausted' | 'unrecoverable';
  /** Attempts charged; -1: the one that was under way does not count. */
  readonly charge?: -1 | 0 | 1;
  readonly error?: AttemptError;
  /** Of an event of a batch, which has no entry to be copied: where it stands, and what was tried. */
  readonly event?: {
    readonly stream: number;
    readonly txid: string;
    readonly cursor: string;
    readonly attempt: number;
    readonly attempts: number;
    readonly errors: readonly AttemptError[];
  };
  /** Of a batch: its lease's number. What follows, follows for each of its events, or as `rewind` says. */
  readonly batch?: string;
  /** Where the order of its events counts: the position moves back behind `after` (a cursor; null: where the batch began). */
  readonly rewind?: {
    readonly after: string | null;
    readonly delay: number;
    /** Of the event that is next then. */
    readonly tries: EventTries | null;
  };
  /** The batch's lane. */
  readonly lane?: number;
  /** Where keys are held, what becomes of the event's: it is held for it, the event is parked behind what holds it, or it is let go. */
  readonly key?: { readonly hold: string } | { readonly park: string } | { readonly release: string };
}

/** How one run ended. */
export interface RunOutcome {
  readonly key: string;
  readonly run: number;
  readonly lease: Lease;
  /** Milliseconds it ran. */
  readonly ran: number;
  /** JSON text; null when there is none. Of a completed run only. */
  readonly output: string | null;
  /** Undefined: it completed. */
  readonly followUp?: FollowUp;
}

/** An outcome that was not written: the run had ended as `state` already; null: its lease does not stand. */
export interface Refusal {
  readonly key: string;
  readonly run: number;
  readonly state: string | null;
}

/** A run that somebody else has ended while it was under way here. */
export interface TakenRun {
  readonly key: string;
  readonly run: number;
  /** Cancelled; lost, because this worker was declared dead; or removed. */
  readonly state: 'x' | 'l' | 'd';
  readonly why: string | null;
}

/** A run that the database says a worker holds. */
export interface OpenRun {
  readonly queueId: number;
  readonly key: string;
  readonly run: number;
  readonly lease: Lease;
  readonly isBatch: boolean;
}

export interface Promotion {
  readonly lanes: readonly number[];
  /** Milliseconds until the next delayed run is due; null: none is known. */
  readonly nextDueIn: number | null;
  /** Whether more are due already. */
  readonly more: boolean;
}

/** The processing side of the log. Every method may be repeated after its answer was lost, but for `register`. */
export interface WorkerEngine {
  /** Whether an error says that a statement can never succeed as it is: something in it cannot be stored. */
  isDataError(error: unknown): boolean;
  ensureQueue(name: string): Promise<number>;
  /** @param maxStalled by queue: how often a job of it may be lost as a suspect until it is dead. */
  register(
    worker: string,
    handles: HandledNames,
    listening: boolean,
    maxStalled: Readonly<Record<string, number>>,
  ): Promise<void>;
  /** Of these queues, those whose concurrency was said at run time. */
  limits(queueIds: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** The heartbeat; false: this worker was declared dead, or its row is gone. */
  beat(worker: string, inFlight: number, listening: boolean): Promise<boolean>;
  retire(worker: string): Promise<void>;
  /** @throws WorkerDeadError */
  claim(worker: string, request: ClaimRequest): Promise<Claim>;
  /** The next batch of a group's stream. @throws WorkerDeadError, UnknownGroupError */
  takeBatch(worker: string, request: BatchRequest): Promise<BatchClaim>;
  /** @param mayHaveEnded whether some may have ended already: its answer was lost, or its transaction ends it. */
  finish(worker: string, queueId: number, outcomes: readonly RunOutcome[], mayHaveEnded: boolean): Promise<Refusal[]>;
  /** @param room how many its process can take: of more, others are told. Default: the limit, so nobody is. */
  promote(queueId: number, limit: number, room?: number): Promise<Promotion>;
  /** What a worker was handed longer ago than this (ms) and has not ended. */
  openRuns(worker: string, olderThan: number): Promise<OpenRun[]>;
  /** Lets go of the keys that a group holds for events that have ended without a word of theirs. */
  releaseEnded(groupId: number): Promise<void>;
  /** Which of these runs have been ended by others. */
  runsTaken(queueId: number, runs: readonly { readonly key: string; readonly run: number }[]): Promise<TakenRun[]>;
  /** @throws LeaseLostError */
  completeIn(
    executor: SqlExecutor,
    worker: string,
    queueId: number,
    outcome: Pick<RunOutcome, 'key' | 'run' | 'lease' | 'ran' | 'output'>,
  ): Promise<void>;
  /** Calls back for what this process itself has added. Returns what ends that. */
  onLocalWake(listener: (wakes: readonly string[]) => void): () => void;
}
