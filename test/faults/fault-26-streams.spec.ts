import type pg from 'pg';
import { describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { faultTest, killed } from './support/fault-test.js';
import { type Random, scaled, sleep, WATCHED } from './support/setting.js';

const fault = faultTest(26, 'streams: kill -9');
const { report, random } = fault;

/** Under what the issue calls a stress, at least: ms. */
const STRESS = scaled(60_000, 12_000);
const RINGS = ['event', 'lease', 'result', 'entry', 'delayed'];

interface Published {
  readonly committed: string[];
  readonly undone: Set<string>;
}

/** One publisher: transactions of any length, with savepoints, of which some are rolled back, in part or as a whole. */
async function publish(client: pg.Client, stream: string, name: string, dice: Random, until_: number, to: Published) {
  const { schema } = fault.database;
  let n = 0;
  while (performance.now() < until_) {
    const [kept, dropped]: [string[], string[]] = [[], []];
    const add = async (keys: string[]): Promise<void> => {
      const k = `${name}-${n++}`;
      keys.push(k);
      const data = JSON.stringify({ k, ms: dice.between(0, 4) });
      await client.query(`select ${schema}.publish($1, 'event', $2, $3)`, [
        stream,
        data,
        dice.of(['a', 'b', 'c', 'd', null]),
      ]);
    };
    await client.query('begin');
    for (let i = dice.between(1, 8); i > 0; i--) await add(kept);
    if (dice.next() < 0.4) {
      await client.query('savepoint s');
      await add(dropped);
      await client.query('rollback to savepoint s');
      await add(kept);
    }
    if (dice.next() < 0.1) await sleep(dice.between(200, 3_000));
    const isUndone = dice.next() < 0.15;
    await client.query(isUndone ? 'rollback' : 'commit');
    for (const key of isUndone ? [...kept, ...dropped] : dropped) to.undone.add(key);
    if (!isUndone) to.committed.push(...kept);
    await sleep(dice.between(5, 40));
  }
}

/** Turns and reclaims all rings without a pause; says how often something was reclaimed. */
async function turn(client: pg.Client, until_: number): Promise<number> {
  const { schema } = fault.database;
  let reclaimed = 0;
  while (performance.now() < until_) {
    for (const ring of RINGS) {
      await client.query(`select ${schema}.rotate($1, interval '0')`, [ring]).catch(ifLocked);
      for (const segment of [0, 1, 2]) {
        const answer = await client
          .query(`select ${schema}.reclaim($1, $2, 10000) as became`, [ring, segment])
          .catch(ifLocked);
        if (answer?.rows[0].became === 'reclaimed') reclaimed++;
      }
    }
    await sleep(100);
  }
  return reclaimed;
}

function ifLocked(error: { code?: string }): undefined {
  if (error.code !== '55P03') throw error;
}

/** A snapshot that is kept open, most of the time. */
async function pin(client: pg.Client, until_: number): Promise<void> {
  while (performance.now() < until_) {
    await client.query('begin isolation level repeatable read');
    await client.query('select pg_current_xact_id()');
    await sleep(3_000);
    await client.query('rollback');
    await sleep(500);
  }
}

describe('groups of a stream whose processes are killed with kill -9', () => {
  it('R21, R41: lose nothing and repeat only what the killed ones held, whatever publishers, rings and snapshots do', async () => {
    const stream = 'stress';
    const common = { stream, maxStalledCount: 50, attempts: 100, retryDelay: 50 };
    const groups: Record<string, object> = {
      single: { ...common, concurrency: 5 },
      batch: { ...common, takes: 'batches' },
      keyed: { ...common, concurrency: 5, hold: 'key' },
      ordered: { ...common, hold: 'stream' },
      exact: { ...common, concurrency: 3, takes: 'exactly once' },
    };
    // its events are reclaimed as soon as all groups are past them
    const options = { streams: { [stream]: { retention: 0 } }, maintenance: true };
    const elder = fault.spawn({ groups, options });
    await elder.tells('ready');
    let victims = [fault.spawn({ groups, options }), fault.spawn({ groups, options })];
    await Promise.all(victims.map(async (victim) => victim.tells('ready')));
    const published: Published = { committed: [], undone: new Set() };
    const end = performance.now() + STRESS;
    const clients = await Promise.all(Array.from({ length: 6 }, async () => fault.database.connect()));
    const [ringer, pinner, ...publishers] = clients as [pg.Client, pg.Client, ...pg.Client[]];
    const publishing = Promise.all(
      publishers.map(async (client, i) => publish(client, stream, `p${i}`, random, end, published)),
    );
    const turning = turn(ringer, end);
    const pinning = pin(pinner, end);
    let kills = 0;
    while (performance.now() < end) {
      await sleep(random.between(700, 2_000));
      const victim = random.of(victims);
      victims = victims.filter((one) => one !== victim);
      expect(await victim.kill()).toBe(true);
      kills++;
      const next = fault.spawn({ groups, options });
      victims.push(next);
      await next.tells('ready');
    }
    await publishing;
    const reclaimed = await turning;
    await pinning;
    report.injected('kill -9 of processes with five groups', kills);
    report.injected('segments reclaimed meanwhile', reclaimed);
    report.injected('events rolled back', published.undone.size);
    expect(reclaimed).toBeGreaterThan(0);
    const { exact: _, ...others } = groups;
    for (const group of Object.keys(others)) {
      await until(
        `${group} to have all ${published.committed.length}`,
        async () => (await fault.ledger.done(group)) >= published.committed.length,
        90_000,
      );
      const { runs } = await fault.account(group, published.committed, killed(fault.processes));
      expect([...(await fault.ledger.runs(group))].filter(({ key }) => !runs.has(key))).toEqual([]);
    }
    // one that was killed between its commit and its last word is done all the same
    await until(
      'all effects to be there',
      async () => (await fault.ledger.effects()).size >= published.committed.length,
      90_000,
    );
    const effects = await fault.ledger.effects();
    expect(published.committed.filter((key) => effects.get(key) !== 1)).toEqual([]);
    expect([...effects.keys()].filter((key) => published.undone.has(key))).toEqual([]);
    for (const process of [elder, ...victims]) await process.kill('SIGTERM');
  });

  it('R41: are taken over, however they hold: how soon is in the report', async () => {
    const holds = ['nothing', 'key', 'stream'] as const;
    const groups = Object.fromEntries(
      holds.map((hold) => [`takeover-${hold}`, { stream: `takeover ${hold}`, hold, maxMessages: 4 }]),
    );
    const workers = [fault.spawn({ groups }), fault.spawn({ groups })];
    await Promise.all(workers.map(async (worker) => worker.tells('ready')));
    await sleep(WATCHED);
    const { client, schema } = fault.database;
    const keysOf = (hold: string): string[] => Array.from({ length: 6 }, (_, i) => `${hold}-${i}`);
    for (const hold of holds) {
      for (const k of keysOf(hold)) {
        const data = JSON.stringify({ k, ms: 1_000 });
        await client.query(`select ${schema}.publish($1, 'event', $2, 'key')`, [`takeover ${hold}`, data]);
      }
    }
    const held = async () => {
      const open = [];
      for (const group of Object.keys(groups)) {
        open.push(...(await fault.ledger.runs(group)).filter(({ ended }) => ended === null));
      }
      return open;
    };
    await until('some of each to be at work', async () => (await held()).length >= holds.length);
    const [first, ...rest] = await held();
    const victim = workers.find(({ pid }) => pid === first!.pid)!;
    const its = [first!, ...rest].filter(({ pid }) => pid === victim.pid);
    expect(await victim.kill()).toBe(true);
    report.injected('kill -9 beside one idle observer');
    for (const { key } of its) {
      const group = `takeover-${key.split('-')[0]}`;
      const again = async () =>
        (await fault.ledger.runs(group)).find((run) => run.key === key && run.pid !== victim.pid);
      await until(
        `${key} to be taken over, or to have ended`,
        async () => {
          const runs = (await fault.ledger.runs(group)).filter((run) => run.key === key);
          return runs.some(({ pid, ended }) => pid !== victim.pid || ended !== null);
        },
        30_000,
      );
      const taken = await again();
      if (taken !== undefined) report.recovered(taken.started - victim.killedAt!);
    }
    for (const hold of holds) {
      const group = `takeover-${hold}`;
      await until('all to be done', async () => (await fault.ledger.done(group)) === keysOf(hold).length, 60_000);
      await fault.account(group, keysOf(hold), killed(fault.processes));
    }
  });
});
