import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { until } from '../../support/signals.js';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** What a child process is told: an application that works on queues and writes a ledger. */
export interface ChildSpec {
  readonly url: string;
  readonly schema: string;
  /** Where its ledger goes: never through what is being broken. */
  readonly ledgerUrl: string;
  readonly ledgerSchema: string;
  /** Options of @Processor() by queue. */
  readonly queues?: Record<string, object>;
  /** Consumers by group: see children/consumers.ts. */
  readonly groups?: Record<string, object>;
  /** Options of forRoot(). */
  readonly options?: object;
  /** What it does beside its handlers. */
  readonly mode?: string;
  readonly hooks?: boolean;
  /** Size of a pool that the application gives to the module and uses in its handlers. */
  readonly sharedPool?: number;
  /** What it calls itself in the ledger; default: its process id. */
  readonly as?: number;
}

export interface SpawnOptions {
  readonly script: string;
  /** Before `node`: a namespace. */
  readonly prefix?: readonly string[];
  readonly execArgv?: readonly string[];
  readonly env?: Record<string, string>;
}

export interface Told {
  readonly event: string;
  readonly [more: string]: unknown;
}

/** A process that runs a Nest application, and can be killed. */
export class WorkerProcess {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly told: Told[] = [];
  readonly output: string[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** When it was killed: epoch ms. */
  killedAt: number | undefined;
  endedAt: number | undefined;

  constructor(spec: ChildSpec, { script, prefix = [], execArgv = [], env = {} }: SpawnOptions) {
    const [command, ...args] = [...prefix, process.execPath, '--enable-source-maps', ...execArgv, script];
    this.process = spawn(command ?? process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, ...env, CHILD: JSON.stringify(spec) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.pid = this.process.pid!;
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      createInterface({ input: output }).on('line', (line) => this.output.push(line));
    }
    this.process.on('message', (message) => this.told.push(message as Told));
    this.exited = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        this.endedAt = Date.now();
        resolve({ code, signal });
      });
    });
  }

  get isRunning(): boolean {
    return this.endedAt === undefined;
  }

  /** Resolves when it has told of an event; fails when it ends without. */
  async tells(event: string, within = 40_000): Promise<Told> {
    await until(
      `process ${this.pid} to tell of '${event}'`,
      () => {
        const found = this.told.some((told) => told.event === event);
        if (!found && !this.isRunning) throw new Error(`it ended before '${event}':\n${this.output.join('\n')}`);
        return found;
      },
      within,
    );
    return this.told.find((told) => told.event === event)!;
  }

  say(message: object): void {
    this.process.send(message);
  }

  /** Resolves when it is gone; whether it ran until then. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<boolean> {
    if (!this.isRunning) return false;
    this.killedAt = Date.now();
    if (!this.process.kill(signal)) return false;
    const ended = await this.exited;
    return ended.signal === signal || signal !== 'SIGKILL';
  }
}
