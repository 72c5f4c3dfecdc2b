import type { ClaimedRun } from '../../../lib/engine/worker-engine.interface.js';
import type { QueueOracle } from './queue.js';
import type { Transaction } from './transaction.js';

export type State = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'gone';

/** One run in the hand of a worker. */
export interface Hand {
  readonly job: Job;
  /** The id of the worker. */
  readonly worker: string;
  readonly run: ClaimedRun;
  /** Where it stands in its lease. */
  readonly place: number;
  readonly step: number;
  /** The letter of its result, and when it got that: by how many leases had been reclaimed. */
  ended?: { state: string; reclaims: number };
}

/** What a job is born with. */
export interface Birth {
  readonly key: string;
  readonly name: string;
  readonly data: string;
  readonly attempts: number;
  readonly priority: number;
  readonly uniqueKey?: string;
  readonly jobId?: string;
}

/** A job as it should be. */
export class Job {
  readonly queue: QueueOracle;
  readonly key: string;
  readonly id: string;
  readonly name: string;
  readonly uniqueKey: string | undefined;
  readonly jobId: string | undefined;
  readonly maxAttempts: number;
  data: string;
  priority: number;
  state: State = 'gone';
  run = 1;
  attempt = 1;
  lost = 0;
  lane = '';
  /** Where its run stands in its lane; read from the log when it is first seen, and never another from then on. */
  txid: bigint | undefined;
  /** Microseconds. */
  runAt: bigint | undefined;
  errors: string[] = [];
  output: string | null = null;
  hand: Hand | undefined;
  /** The transaction that adds it and is open. */
  addedIn: Transaction | undefined;
  /** The transaction that completes its run and is open. */
  completedIn: Transaction | undefined;
  /** The order of deaths. */
  died = 0;
  /** What the attempts are when it is dead. */
  deadAttempt = 0;
  /** Its results are marked as removed. */
  erased = false;

  constructor(queue: QueueOracle, birth: Birth) {
    this.queue = queue;
    this.key = birth.key;
    this.name = birth.name;
    this.data = birth.data;
    this.maxAttempts = birth.attempts;
    this.priority = birth.priority;
    this.uniqueKey = birth.uniqueKey;
    this.jobId = birth.jobId;
    this.id = birth.jobId ?? birth.key;
  }

  get alive(): boolean {
    return this.state === 'waiting' || this.state === 'delayed' || this.state === 'active';
  }

  get size(): number {
    return Buffer.byteLength(this.data);
  }

  get text(): string {
    return `#${this.key}`;
  }

  /** What getJob() and its like say of it. */
  get record(): object {
    const started = this.state === 'failed' ? this.deadAttempt : this.attempt - (this.hasBegun ? 0 : 1);
    return {
      id: this.id,
      key: this.key,
      name: this.name,
      data: this.data,
      state: this.state,
      priority: this.priority,
      attempts: this.maxAttempts,
      attemptsStarted: started,
      attemptsMade: this.state === 'failed' ? this.deadAttempt : this.attempt - 1,
      result: this.output,
      errors: this.errors,
    };
  }

  get hasBegun(): boolean {
    return this.state !== 'waiting' && this.state !== 'delayed';
  }
}

export function byPlace(a: Job, b: Job): number {
  if (a.txid !== b.txid) return (a.txid ?? 0n) < (b.txid ?? 0n) ? -1 : 1;
  return Number(a.key) - Number(b.key);
}

export function byDue(a: Job, b: Job): number {
  if (a.runAt !== b.runAt) return a.runAt! < b.runAt! ? -1 : 1;
  return byPlace(a, b);
}
