import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, work } from './support/fault-test.js';
import type { WorkerProcess } from './support/processes.js';
import { scaled, sleep } from './support/setting.js';

const fault = faultTest(27, 'transactional handlers');
const { report, random } = fault;

const JOBS = scaled(20_000, 3_000);
const KILLS = scaled(50, 8);
/** Processes that stand still, without LISTEN, until their jobs run elsewhere, and go on then, with their transactions. */
const FROZEN = scaled(3, 1);
/** After so long a silence the others take over: ms. */
const SILENCE = 16_000;

/** Of its connections only those in a transaction are left: the one that listens has a lock that shows that it lives. */
async function endIdle(name: string): Promise<void> {
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and state = 'idle'`;
  await fault.database.client.query(end, [name]);
}

describe('handlers in transactions of their own', () => {
  it('have as many effects as there are jobs, whatever is killed, and whoever comes back too late', async () => {
    const queue = fault.newQueue();
    const jobs = (await fault.producer()).queue(queue);
    // a job that meets four of the kills would be dead as stalled, rightly
    const options = { transactional: true, concurrency: 6, maxStalledCount: 30 };
    const names = new Map<WorkerProcess, string>();
    const spawn = (): WorkerProcess => {
      const name = `once-${names.size}`;
      const child = fault.spawn({ queues: { [queue]: options }, url: fault.named(name) });
      names.set(child, name);
      return child;
    };
    const rounds = KILLS + FROZEN;
    const share = Math.ceil(JOBS / rounds);
    const isFrozen = (round: number): boolean => round % Math.ceil(rounds / FROZEN) === 1;
    // who judges has to have watched for longer than the others live
    const elder = spawn();
    let workers = [spawn(), spawn(), spawn()];
    await Promise.all([elder, ...workers].map((one) => one.tells('ready', 40_000)));
    // long enough for one of them to be in the hands of whoever stands still
    const long = (i: number): boolean => i % share < 30 && isFrozen(Math.floor(i / share));
    const { jobs: all, keys } = work(
      JOBS,
      'once-',
      (i) => (long(i) ? { ms: 2_000, tell: true } : { ms: random.between(0, 20) }),
      'effect',
    );
    const thawing: Promise<void>[] = [];
    for (let round = 0; round < rounds; round++) {
      const heard = new Map(workers.map((one) => [one, one.told.length]));
      await jobs.addBulk(all.slice(round * share, (round + 1) * share));
      if (!isFrozen(round)) await sleep(random.between(100, 900));
      const ready = (): WorkerProcess[] =>
        workers.filter(({ isRunning, told }) => isRunning && told.some(({ event }) => event === 'ready'));
      // of those that stand still: one that has something in hand, whoever gets it
      const busy = (): WorkerProcess | undefined =>
        ready().find((one) => one.told.slice(heard.get(one) ?? 0).some(({ event }) => event === 'began'));
      if (isFrozen(round)) await until('a long job to have begun', () => busy() !== undefined, 60_000);
      const victim = busy() ?? random.of(ready());
      workers = [...workers.filter((one) => one !== victim), spawn()];
      if (isFrozen(round)) {
        process.kill(victim.pid, 'SIGSTOP');
        await endIdle(names.get(victim)!);
        report.injected('processes that stood still');
        thawing.push(
          (async () => {
            await sleep(SILENCE);
            process.kill(victim.pid, 'SIGCONT');
          })(),
        );
      } else {
        if (await victim.kill()) report.injected('kill -9');
      }
      await until('one to be ready', () => ready().length > 0);
    }
    await Promise.all(thawing);
    const ends = await fault.ledger.quiet(queue, keys, 120_000);
    expect([...ends.values()].filter((end) => end !== 'c')).toEqual([]);
    const refused = (): number =>
      fault.processes.flatMap(({ told }) => told).filter(({ event }) => event === 'completion refused').length;
    await until('a completion to be refused', () => refused() > 0);
    report.injected('completions refused', refused());
    // those that came back have ended what they had in hand
    await Promise.all(fault.processes.splice(0).map((child) => child.kill('SIGTERM')));
    const effects = await fault.ledger.effects();
    expect(keys.filter((key) => effects.get(key) !== 1)).toEqual([]);
    expect([...effects.values()].reduce((sum, n) => sum + n, 0)).toBe(JOBS);
    expect(report.times('kill -9')).toBe(KILLS);
    report.jobs(JOBS, 0);
  });
});
