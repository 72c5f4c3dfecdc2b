import type { TestQueue } from '../../support/engine.js';
import { byPlace, type Hand, Job } from './job.js';

/** What waits in a lane: the rest of the window that the last claim opened, and what has arrived since. */
export interface Lane {
  readonly name: string;
  window: Job[];
  arrived: Job[];
}

export interface Special {
  readonly kind: 'n' | 'l' | 's';
  readonly name: string;
  readonly priority: number;
}

const isFront = (lane: string): boolean => lane.startsWith('<');
const home = (lane: string): string => (isFront(lane) ? lane.slice(1) : lane);
export const frontOf = (lane: string): string => `<${home(lane)}`;
export const ordinary = (priority: number): string => `p${priority}`;

/** A lane is called by what it is for: 'p3', 'n:mail:3', 'l:mail:3' (lost once), 's:mail:3' (suspects), and '<' before the name of the lane it is the front of. */
export function specialOf(lane: string): Special | undefined {
  const [kind, name, priority] = home(lane).split(':');
  return kind === 'n' || kind === 'l' || kind === 's' ? { kind, name: name!, priority: Number(priority) } : undefined;
}

/** Whether what stands there was lost with its process. */
export function wasLost(lane: string): boolean {
  const special = specialOf(lane);
  return special !== undefined && special.kind !== 'n';
}

/** The place behind which nothing is due: a time (microseconds), a transaction, a job. */
export interface DueCursor {
  readonly until: bigint;
  readonly txid: bigint;
  readonly key: bigint;
}

const LAST = 1n << 70n;

export function isBehind(job: Job, { until, txid, key }: DueCursor): boolean {
  if (job.runAt !== until) return job.runAt! < until;
  if (job.txid !== txid) return job.txid! < txid;
  return BigInt(job.key) <= key;
}

let deaths = 0;

/** One queue as it should be. */
export class QueueOracle {
  readonly queue: TestQueue;
  readonly text: string;
  /** Whether completed jobs may go when their segment is reclaimed. */
  readonly forgets: boolean;
  readonly jobs = new Map<string, Job>();
  readonly lanes = new Map<string, Lane>();
  /** The special lanes, with their numbers as soon as those are known. */
  readonly specials = new Map<string, number | undefined>();
  /** Runs that were drained: their rows may still be there. */
  readonly drained = new Set<string>();
  paused = false;
  promoted: DueCursor = { until: 0n, txid: LAST, key: LAST };
  /** Delayed runs that have ended where they were: promotions may count them. */
  endedWhileDelayed = 0;

  constructor(queue: TestQueue, text: string, forgets: boolean) {
    this.queue = queue;
    this.text = text;
    this.forgets = forgets;
  }

  lane(name: string): Lane {
    let lane = this.lanes.get(name);
    if (lane === undefined) this.lanes.set(name, (lane = { name, window: [], arrived: [] }));
    return lane;
  }

  /** Its number in the log. */
  number(lane: string): number {
    const at = home(lane);
    const number = at.startsWith('p') ? Number(at.slice(1)) : this.specials.get(at);
    if (number === undefined) throw new Error(`the lane ${lane} has no number yet`);
    return isFront(lane) ? -1 - number : number;
  }

  /** The lane where a job stands by itself. `known`: the special lanes that whoever asks can see. */
  lineOf(name: string, priority: number, known: { has(lane: string): boolean } = this.specials): string {
    const own = `n:${name}:${priority}`;
    return known.has(own) ? own : ordinary(priority);
  }

  special(kind: Special['kind'], { name, priority }: Job): string {
    const lane = `${kind}:${name}:${priority}`;
    if (!this.specials.has(lane)) this.specials.set(lane, undefined);
    return lane;
  }

  /** The lanes in the order in which a claim serves them. */
  inOrder(lanes: Iterable<string>, turn: number): string[] {
    const rank = (lane: string): number[] => {
      const special = specialOf(lane);
      const number = this.number(home(lane));
      const swap = special === undefined ? 0 : turn % 2 === 1 ? -1 : 1;
      return [special?.priority ?? number, swap, number, isFront(lane) ? 0 : 1];
    };
    return [...lanes]
      .map((lane) => ({ lane, rank: rank(lane) }))
      .toSorted((a, b) => a.rank.map((part, i) => part - b.rank[i]!).find((difference) => difference !== 0) ?? 0)
      .map(({ lane }) => lane);
  }

  /** What waits, in the order in which it will be served. */
  waiting(): Job[] {
    return this.inOrder(
      [...this.lanes.values()]
        .filter(({ window, arrived }) => window.length + arrived.length > 0)
        .map(({ name }) => name),
      0,
    ).flatMap((name) => {
      const { window, arrived } = this.lane(name);
      return [...window, ...arrived.toSorted(byPlace)];
    });
  }

  in(state: Job['state']): Job[] {
    return [...this.jobs.values()].filter((job) => job.state === state && job.addedIn === undefined);
  }

  /** Appends a job's run to a lane. */
  enter(job: Job, lane: string): void {
    job.state = 'waiting';
    job.lane = lane;
    job.txid = undefined;
    job.runAt = undefined;
    this.lane(lane).arrived.push(job);
  }

  delay(job: Job, lane: string): void {
    job.state = 'delayed';
    job.lane = lane;
    job.txid = undefined;
    job.runAt = undefined;
  }

  /** Takes a job that waits out of its lane. */
  leave(job: Job): void {
    const lane = this.lane(job.lane);
    lane.window = lane.window.filter((one) => one !== job);
    lane.arrived = lane.arrived.filter((one) => one !== job);
  }

  /** Ends the run that a worker has. */
  endRun(job: Job, state: string, reclaims: number): Hand {
    const hand = job.hand!;
    hand.ended = { state, reclaims };
    job.hand = undefined;
    job.completedIn = undefined;
    return hand;
  }

  die(job: Job, attempt: number, error: string | undefined): void {
    job.state = 'failed';
    job.deadAttempt = attempt;
    if (error !== undefined) job.errors.push(error);
    job.died = ++deaths;
  }
}
