import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ActiveJob, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { DeathWatch } from '../../lib/runtime/death-watch.js';
import { parseDuration } from '../../lib/utils/duration.js';
import { testDatabase } from '../support/database.js';
import { ended, newQueue, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';
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

const documented = table('docs/guarantees.md', '## When a process dies');

/** The times that the document's table says. */
const said = documented.map((cells) => {
  const [, duration] = /\b(\d+(?:s|min))\b/.exec(cells.join(' '))!;
  return parseDuration(duration!.replace('min', 'm'));
});

describe('a process is taken for dead when docs/guarantees.md says so:', () => {
  it.each<[string, Seen]>([
    ['its LISTEN connection is gone', { listening: true, unheld: true }],
    ['it has no LISTEN connection', { listening: false, unheld: true }],
    ['its LISTEN connection stands', { listening: true, unheld: false }],
  ])('%s', (what, seen) => {
    const row = documented.findIndex(([cell]) => cell!.replaceAll('`', '').startsWith(what));
    expect(deadAfter(seen)).toBe(said[row]);
  });

  it('never within a watcher’s first seconds', () => {
    expect(said).toHaveLength(4);
    expect(deadAfter({ listening: true, unheld: true, watched: LOOK })).toBe(said[3]! - LOOK);
  });
});

describe('what a dead process held', () => {
  const database = testDatabase();
  const start = testApplications(database);

  /** A job is fetched by a process that is dead by now, to which so much was said of `maxStalledCount`. */
  async function held(name: string, maxStalledCount: number): Promise<string> {
    const { schema: s, client } = database;
    const worker = randomUUID();
    const { queue, app } = await start({ options: { processing: false } });
    const { id } = await queue(name).add('n', null);
    const { rows } = await client.query(`select queue_id from ${s}.queue where name = $1`, [name]);
    await client.query(`select ${s}.register_worker($1, 'host', 1, '{}', true, $2)`, [
      worker,
      JSON.stringify({ [name]: maxStalledCount }),
    ]);
    await client.query(`select ${s}.claim($1, $2, 1, 10, 1000000, null, null, false)`, [rows[0].queue_id, worker]);
    await client.query(`update ${s}.worker set dead = true where worker = $1`, [worker]);
    await app.close();
    return id;
  }

  it.each([
    [0, 'failed'],
    [1, 'completed'],
  ])('with maxStalledCount %d there ends as %s, charged no attempt, and stalled is heard', async (count, state) => {
    const name = newQueue();
    const heard: string[] = [];
    const attempts: number[] = [];
    @Processor(name)
    class Handlers {
      @Process()
      handle({ attemptsStarted }: ActiveJob): void {
        attempts.push(attemptsStarted);
      }
      @OnWorkerEvent('stalled')
      stalled(jobId: string): void {
        heard.push(jobId);
      }
    }
    const id = await held(name, count);
    const { queue } = await start({ providers: [Handlers] });
    const job = await ended(queue(name), { id });
    expect(await job.getState()).toBe(state);
    await until('stalled to be heard', () => heard.length > 0);
    expect(heard).toEqual([id]);
    if (state === 'failed') await job.retry();
    await until('it to run', () => attempts.length > 0);
    expect(attempts).toEqual([1]);
  });
});
