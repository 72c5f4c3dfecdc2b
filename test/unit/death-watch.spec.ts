import { describe, expect, it } from 'vitest';
import { DeathWatch } from '../../lib/runtime/death-watch.js';
import type { WorkerSeen } from '../../lib/engine/maintenance-engine.interface.js';

interface Seen {
  readonly pulse: (second: number) => number;
  readonly held: (second: number) => boolean;
  readonly listening?: boolean;
  /** Seconds in which no look succeeds. */
  readonly outage?: readonly [number, number];
}

/** The second in which a worker is declared dead by one that looks twice a second, and how; undefined: never within ten minutes. */
function deathOf({ pulse, held, listening = true, outage }: Seen): { at: number; force: boolean } | undefined {
  const watch = new DeathWatch();
  for (let second = 0; second < 600; second += 0.5) {
    if (outage !== undefined && second >= outage[0] && second < outage[1]) continue;
    const seen: WorkerSeen = { worker: 'w', dead: false, pulse: String(pulse(second)), listening };
    const stale = watch.look(second * 1000, [seen]);
    const unheld = new Set(held(second) ? [] : stale);
    const [verdict] = watch.judge(second * 1000, unheld);
    if (verdict !== undefined) return { at: second, force: verdict.force };
  }
  return undefined;
}

const alive = Math.floor;
const until = (end: number) => (second: number) => Math.floor(Math.min(second, end));

describe('a worker', () => {
  it('that beats and holds its lock is never declared dead', () => {
    expect(deathOf({ pulse: alive, held: () => true })).toBeUndefined();
  });

  it('that beats is not, whatever its lock says, and one that holds its lock is not for five minutes, whatever it says', () => {
    expect(deathOf({ pulse: alive, held: () => false })).toBeUndefined();
    expect(deathOf({ pulse: until(60), held: () => true })).toEqual({ at: 360, force: true });
  });

  it('that is killed is declared dead between three and five seconds later', () => {
    const death = deathOf({ pulse: until(60), held: (second) => second < 60.2 });
    expect(death!.force).toBe(false);
    expect(death!.at).toBeGreaterThanOrEqual(63);
    expect(death!.at).toBeLessThanOrEqual(65);
  });

  it('without a LISTEN connection is declared dead after thirty seconds', () => {
    expect(deathOf({ pulse: until(60), held: () => false, listening: false })!.at).toBe(90);
  });

  it('is not declared dead by one that has just begun to look', () => {
    expect(deathOf({ pulse: until(0), held: () => false })!.at).toBe(10);
  });

  it('is not declared dead for being as late as everyone else after an outage', () => {
    const late = (second: number): number => (second < 100 ? second : Math.max(100, second - 108) + 100);
    expect(
      deathOf({
        pulse: (second) => Math.floor(late(second)),
        held: (second) => second < 100 || second > 108,
        outage: [100, 104],
      }),
    ).toBeUndefined();
    // one that stays away is, ten seconds after the first look
    expect(deathOf({ pulse: until(100), held: (second) => second < 100, outage: [100, 104] })!.at).toBe(114);
  });
});
