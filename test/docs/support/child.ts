import { type ChildProcess, spawn } from 'node:child_process';
import { type AddressInfo, connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Node process whose output is waited for, line by line. */
export class Child {
  readonly lines: string[] = [];
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  readonly #onChange = new Set<() => void>();
  #hasEnded = false;

  constructor(script: string, options: { env?: NodeJS.ProcessEnv; cwd?: string } = {}) {
    // a group of its own, as a shell makes one: signals may go to all of it
    this.#process = spawn(process.execPath, [script], {
      cwd: options.cwd,
      // undefined: not set, whatever it is here
      env: { ...process.env, NO_COLOR: '1', DATABASE_URL: undefined, ...options.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface(stream).on('line', (line) => {
        this.lines.push(stripVTControlCharacters(line));
        this.#changed();
      });
    }
    this.ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.#hasEnded = true;
        this.#changed();
        resolve({ code, signal });
      });
    });
  }

  /** Resolves to the first match at or after a line; fails when the process ends without one. */
  async line(pattern: RegExp, from = 0, within = 30_000): Promise<{ match: RegExpExecArray; at: number }> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#onChange.delete(look);
      };
      const fail = (why: string): void => {
        done();
        reject(new Error(`${why} ${pattern}; it said:\n${this.lines.join('\n')}`));
      };
      const look = (): void => {
        const at = this.lines.findIndex((line, i) => i >= from && pattern.test(line));
        if (at !== -1) {
          done();
          resolve({ match: pattern.exec(this.lines[at]!)!, at });
        } else if (this.#hasEnded) fail('the process ended without');
      };
      const timer = setTimeout(() => fail(`${within} ms without`), within);
      this.#onChange.add(look);
      look();
    });
  }

  /** These lines, each after the one before. */
  async linesInOrder(...patterns: RegExp[]): Promise<void> {
    let from = 0;
    for (const pattern of patterns) from = (await this.line(pattern, from)).at + 1;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** As Ctrl-C in a terminal does. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.#process.pid!, signal);
  }

  /** For the end of a test that failed. */
  async dispose(): Promise<void> {
    if (!this.#hasEnded) this.killGroup('SIGKILL');
    await this.ended;
  }

  #changed(): void {
    for (const look of this.#onChange) look();
  }
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Whether anything listens on a port of this machine. */
export async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
