import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Child, buildChild } from '../support/child.js';
import { testDatabase } from '../support/database.js';
import { ended, inState, newQueue, testApplications } from '../support/running.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);
const children: Child[] = [];
let script: string;

beforeAll(async () => {
  script = await buildChild('worker');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill();
});

function run(queue: string, env: Record<string, string>): Child {
  const child = new Child(script, { URL_OF_DATABASE: database.url, SCHEMA: database.schema, QUEUE: queue, ...env });
  children.push(child);
  return child;
}

describe('a process', () => {
  it.each(['true', 'false'])('ends by itself after close() (LISTEN: %s)', async (LISTEN) => {
    const child = run(newQueue(), { MODE: 'close', LISTEN });
    await child.said('closed');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    // no timer held it up
    expect(child.lines.at(-1)).toBe('left: ');
  });

  it('stays alive while its worker runs', async () => {
    const name = newQueue();
    const child = run(name, { MODE: 'stay', LISTEN: 'false' });
    await child.said('started');
    const queue = (await start()).queue(name);
    expect((await ended(queue, await queue.add('quick', null))).returnvalue).toBe(`by ${child.process.pid}`);
    expect(child.process.exitCode).toBeNull();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('drains on %s with enableShutdownHooks(), and ends', async (signal) => {
    const name = newQueue();
    const child = run(name, { MODE: 'signals' });
    await child.said('started');
    const queue = (await start()).queue(name);
    const job = await queue.add('slow', 500);
    await child.said('slow began');
    child.process.kill(signal);
    // Nest ends the process by the signal itself once its hooks have run
    expect(await child.exited).toEqual({ code: null, signal });
    expect(child.lines).toContain('slow ended');
    expect(await ended(queue, job)).toMatchObject({ returnvalue: 'drained', attemptsMade: 0 });
    const { rowCount } = await database.client.query(`select from ${database.schema}.worker where pid = $1`, [
      child.process.pid,
    ]);
    expect(rowCount).toBe(0);
  });

  it('that closes hands over to one that starts', async () => {
    const name = newQueue();
    const first = run(name, { MODE: 'signals' });
    await first.said('started');
    const queue = (await start()).queue(name);
    const slow = await queue.add('slow', 300);
    await inState(queue, slow, 'active');
    first.process.kill('SIGTERM');
    const jobs = await queue.addBulk(Array.from({ length: 50 }, () => ({ name: 'quick', data: null })));
    const second = run(name, { MODE: 'signals' });
    for (const job of jobs) await ended(queue, job);
    expect((await queue.getJob(jobs.at(-1)!.id))!.returnvalue).toBe(`by ${second.process.pid}`);
    await first.exited;
    expect(await slow.getState()).toBe('completed');
  });
});
