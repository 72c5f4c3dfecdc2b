import type { Session } from '../../support/engine.js';
import type { Hand, Job } from './job.js';

/** What an open transaction has done. */
export type Effect =
  | { readonly kind: 'added'; readonly job: Job; readonly delayed: boolean; readonly lane: string }
  | { readonly kind: 'completed'; readonly hand: Hand; readonly output: string }
  /** A generation of a key, and the lock of the segment it was written to. */
  | { readonly kind: 'took'; readonly key: string }
  | { readonly kind: 'locked'; readonly segment: string };

/** What a REPEATABLE READ transaction goes on seeing. */
export interface Snapshot {
  readonly holders: ReadonlyMap<string, Job>;
  readonly generations: ReadonlyMap<string, number>;
  readonly specials: ReadonlyMap<string, ReadonlySet<string>>;
  readonly moves: number;
  readonly step: number;
  readonly current: Readonly<Record<string, number>>;
}

/** A caller's transaction that stays open over other steps. */
export class Transaction {
  readonly text: string;
  readonly session: Session;
  readonly pid: number;
  /** Of REPEATABLE READ only. */
  readonly snapshot: Snapshot | undefined;
  effects: Effect[] = [];
  /** It has tried to complete something: others wait for it who look at the results of all. */
  hasCompleted = false;
  /** How many effects there were at each savepoint. */
  readonly savepoints: number[] = [];

  constructor(text: string, session: Session, pid: number, snapshot: Snapshot | undefined) {
    this.text = text;
    this.session = session;
    this.pid = pid;
    this.snapshot = snapshot;
  }

  has(kind: 'took' | 'locked', what: string): boolean {
    return this.effects.some(
      (effect) =>
        (effect.kind === 'took' && kind === 'took' && effect.key === what) ||
        (effect.kind === 'locked' && kind === 'locked' && effect.segment === what),
    );
  }

  get added(): Job[] {
    return this.effects.flatMap((effect) => (effect.kind === 'added' ? [effect.job] : []));
  }

  /** Undoes what came after so many effects. */
  undo(from: number): void {
    for (const effect of this.effects.splice(from)) {
      if (effect.kind === 'added') {
        effect.job.state = 'gone';
        effect.job.addedIn = undefined;
      }
      if (effect.kind === 'completed') effect.hand.job.completedIn = undefined;
    }
  }
}
