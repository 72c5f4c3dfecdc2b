import type { INestApplicationContext } from '@nestjs/common';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { type PgQueueModuleOptions, QueueService } from '../../../lib/index.js';
import { startApplication } from '../../support/application.js';
import { type TestDatabase, testDatabase } from '../../support/database.js';
import { Ledger, type Excuse, type Judgement } from './ledger.js';
import type { OwnDatabase } from './own-database.js';
import { type ChildSpec, type SpawnOptions, WorkerProcess } from './processes.js';
import { Report } from './report.js';
import { Random } from './setting.js';

export const ROWS = path.resolve(import.meta.dirname, '../../../.build/faults/rows');

export type PartialSpec = Partial<ChildSpec> & Partial<Omit<SpawnOptions, 'script'>> & { readonly script?: string };

/** What the specs of one fault share: a schema with its ledger, child processes, and the fault's line in the report. */
export class FaultTest {
  readonly report: Report;
  readonly random: Random;
  readonly database: TestDatabase;
  /** Where the ledger is: elsewhere when the queue's server may lose what it has. */
  readonly ledgerDatabase: TestDatabase;
  readonly processes: WorkerProcess[] = [];
  readonly #open: INestApplicationContext[] = [];
  readonly #closers: (() => unknown)[] = [];
  #ledger: Ledger | undefined;
  #queues = 0;

  constructor(
    fault: number,
    title: string,
    database: TestDatabase,
    ledgerDatabase: TestDatabase,
    report = new Report(fault, title),
  ) {
    this.ledgerDatabase = ledgerDatabase;
    this.report = report;
    this.random = new Random(String(fault));
    this.database = database;
  }

  get ledger(): Ledger {
    return (this.#ledger ??= new Ledger(this.ledgerDatabase.client, this.database.client, this.database.schema));
  }

  newQueue(): string {
    return `queue-${++this.#queues}`;
  }

  /** An application in a process of its own. */
  spawn({ prefix, execArgv, env, script, ...spec }: PartialSpec): WorkerProcess {
    const child = new WorkerProcess(
      {
        url: this.database.url,
        schema: this.database.schema,
        ledgerUrl: this.ledgerDatabase.url,
        ledgerSchema: this.ledger.schema,
        ...spec,
      },
      {
        script: script ?? inject('childScript'),
        ...(prefix && { prefix }),
        ...(execArgv && { execArgv }),
        ...(env && { env }),
      },
    );
    this.processes.push(child);
    return child;
  }

  /** The database's address under which a connection says whose it is. */
  named(name: string): string {
    const url = new URL(this.database.url);
    url.searchParams.set('application_name', name);
    return url.href;
  }

  /** The same, when it takes jobs. */
  async worker(queue: string, options: object = {}, spec: PartialSpec = {}): Promise<WorkerProcess> {
    const child = this.spawn({ queues: { [queue]: options }, ...spec });
    await child.tells('ready', 40_000);
    return child;
  }

  /** An application in this process that runs no jobs: it adds and looks. */
  async producer(options: PgQueueModuleOptions = {}): Promise<QueueService> {
    const app = await startApplication(this.database, { options: { processing: false, ...options } });
    this.#open.push(app);
    return app.get(QueueService);
  }

  /** Compares ledger and queue with what was added, counts it in the report, and fails for what nothing excuses. */
  async account(
    queue: string,
    keys: readonly string[],
    excuse: Excuse = () => undefined,
    failing: readonly string[] = [],
  ): Promise<Judgement> {
    const judgement = await this.ledger.judge(queue, keys, excuse, failing);
    this.report.jobs(keys.length + failing.length, judgement.lost.length);
    for (const [why, times] of judgement.reasons) this.report.repeated(why, times);
    expect(judgement.lost, 'jobs that were lost').toEqual([]);
    expect(judgement.unexplained, 'runs that nothing excuses').toEqual([]);
    return judgement;
  }

  /** After the server was restarted: what looks at the database is connected anew. */
  async reconnect(): Promise<void> {
    await (this.database as Partial<OwnDatabase> & TestDatabase).reconnect?.();
    if (this.ledgerDatabase === this.database) this.#ledger = undefined;
    else this.ledger.queueClient = this.database.client;
  }

  /** To be done after the test. */
  afterwards(close: () => unknown): void {
    this.#closers.push(close);
  }

  async end(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((app) => app.close().catch(() => undefined)));
    await Promise.all(this.processes.splice(0).map((child) => child.kill()));
    for (const close of this.#closers.splice(0)) await close();
  }
}

export interface FaultOptions {
  /** A database of the spec's own instead of the one that all share; see testDatabase(). */
  readonly database?: TestDatabase;
  readonly migrated?: boolean;
  /** Whether the ledger is on the server that all share, while `database` may lose what it has. */
  readonly ledgerApart?: boolean;
}

/** Registers what comes before and after. */
export function faultTest(fault: number, title: string, options: FaultOptions = {}): FaultTest {
  const database = options.database ?? testDatabase({ migrated: options.migrated ?? true });
  const ledgerDatabase = options.ledgerApart === true ? testDatabase() : database;
  const test = new FaultTest(fault, title, database, ledgerDatabase);
  beforeAll(async () => {
    await test.ledger.create();
  });
  afterEach(() => test.end());
  afterAll(async () => {
    test.report.write(ROWS);
    if (options.database === undefined || options.ledgerApart === true) await test.ledger.drop();
  });
  return test;
}

/** Jobs to be added, and their keys. */
export function work(count: number, prefix: string, data: (i: number) => object = () => ({}), name = 'work') {
  const jobs = Array.from({ length: count }, (_, i) => ({ name, data: { k: `${prefix}${i}`, ...data(i) } }));
  return { jobs, keys: jobs.map(({ data: { k } }) => k) };
}

/** A run whose process was killed: while it ran, or before its result was written. */
export function killed(processes: readonly WorkerProcess[]): Excuse {
  // by when it was told to end or had ended: this process and the database have one clock here
  return (run) => {
    const its = processes.find(({ pid }) => pid === run.pid);
    if (its?.killedAt === undefined) return undefined;
    return run.ended === null
      ? 'its process was killed while it ran'
      : 'its process was killed before its result was written';
  };
}
