import type { WorkerSeen } from '../engine/maintenance-engine.interface.js';

/** The same pulse for so long, and a free lock, is a death; ms. */
const UNHELD = 3_000;
/** The same for a worker without a LISTEN connection, which holds no lock. */
const UNHEARD = 30_000;
/** The same pulse for so long is a death whatever the lock says. */
const STANDSTILL = 300_000;
/** Nobody is declared dead before an observer has watched so long: after an outage everyone is late. */
const FIRST_LOOK = 10_000;
/** An observer that has seen nothing for so long begins anew. */
const GAP = 3_000;
/** From when on a pulse that stays the same makes an observer ask for the lock. */
const STALE = 400;

interface Watched {
  pulse: string;
  /** Since when this pulse, and since when a free lock, was seen without a break. */
  since: number;
  unheldSince: number | undefined;
  listening: boolean;
}

export interface Verdict {
  readonly worker: string;
  readonly pulse: string;
  readonly force: boolean;
}

/**
 * Who is dead, judged by an observer's own monotonic clock.
 *
 * - A worker is dead when, in one unbroken session of looks, nobody held its lock and its pulse stayed the same for 3 s;
 *   without a LISTEN connection 30 s; whatever the lock says 5 min. A process whose event loop is blocked keeps its lock.
 * - A session is broken when no look succeeds for some seconds, as in an outage; nobody is judged in its first 10 s.
 */
export class DeathWatch {
  readonly #workers = new Map<string, Watched>();
  #began = -Infinity;
  #last = -Infinity;

  /** What was seen just now. Returns the workers whose lock should be asked for. */
  look(now: number, seen: readonly WorkerSeen[]): string[] {
    if (now - this.#last > GAP) {
      this.#began = now;
      this.#workers.clear();
    }
    this.#last = now;
    const known = new Set(seen.map(({ worker }) => worker));
    for (const worker of this.#workers.keys()) if (!known.has(worker)) this.#workers.delete(worker);
    const stale: string[] = [];
    for (const { worker, pulse, listening } of seen) {
      const watched = this.#workers.get(worker);
      if (watched === undefined || watched.pulse !== pulse) {
        this.#workers.set(worker, { pulse, since: now, unheldSince: undefined, listening });
      } else if (now - watched.since >= STALE) {
        stale.push(worker);
      }
    }
    return stale;
  }

  /** Whose lock was free when it was asked for; every other one's was held. Returns who is dead. */
  judge(now: number, unheld: ReadonlySet<string>): Verdict[] {
    const verdicts: Verdict[] = [];
    for (const [worker, watched] of this.#workers) {
      if (!unheld.has(worker)) watched.unheldSince = undefined;
      else watched.unheldSince ??= now;
      if (now - this.#began < FIRST_LOOK) continue;
      const same = now - watched.since;
      const free = watched.unheldSince === undefined ? 0 : now - watched.unheldSince;
      const isDead = same >= (watched.listening ? UNHELD : UNHEARD) && free >= UNHELD;
      if (isDead || same >= STANDSTILL) {
        verdicts.push({ worker, pulse: watched.pulse, force: same >= STANDSTILL });
      }
    }
    return verdicts;
  }
}
