import { describe, expect, it } from 'vitest';
import { DeathWatch } from '../../lib/runtime/death-watch.js';
import { parseDuration } from '../../lib/utils/duration.js';
import { table } from './support/markdown.js';

/** Between two looks: ms. */
const LOOK = 500;

interface Seen {
  readonly listening: boolean;
  readonly unheld: boolean;
  /** How long the watcher has watched when the process is heard of last: ms. */
  readonly watched?: number;
}

/** After how long without a sign of life a process is taken for dead: ms. */
function deadAfter({ listening, unheld, watched = 60_000 }: Seen): number {
  const watch = new DeathWatch();
  const look = (now: number, pulse: string): number => {
    watch.look(now, [{ worker: 'w', dead: false, pulse, listening }]);
    return watch.judge(now, new Set(unheld ? ['w'] : [])).length;
  };
  // it lives, and its connection stands for as long
  for (let now = 0; now < watched; now += LOOK) {
    watch.look(now, [{ worker: 'w', dead: false, pulse: String(now), listening }]);
    watch.judge(now, new Set());
  }
  for (let after = 0; after < 1_000_000; after += LOOK) {
    if (look(watched + after, 'the last one') > 0) return after;
  }
  throw new Error('never');
}

const rows = table('docs/guarantees.md', '## When a process dies');

/** The times that the document's table says. */
const said = rows.map((cells) => {
  const [, duration] = /\b(\d+(?:s|min))\b/.exec(cells.join(' '))!;
  return parseDuration(duration!.replace('min', 'm'));
});

describe('a process is taken for dead when docs/guarantees.md says so:', () => {
  it.each<[string, Seen]>([
    ['its LISTEN connection is gone', { listening: true, unheld: true }],
    ['it has no LISTEN connection', { listening: false, unheld: true }],
    ['its LISTEN connection stands', { listening: true, unheld: false }],
  ])('%s', (what, seen) => {
    const row = rows.findIndex(([cell]) => cell!.replaceAll('`', '').startsWith(what));
    expect(deadAfter(seen)).toBe(said[row]);
  });

  it('never within a watcher’s first seconds', () => {
    expect(said).toHaveLength(4);
    expect(deadAfter({ listening: true, unheld: true, watched: LOOK })).toBe(said[3]! - LOOK);
  });
});
