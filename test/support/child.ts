import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'vite';
import { until } from './signals.js';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Compiles a script of test/e2e/children for plain Node; returns the file. */
export async function buildChild(name: string): Promise<string> {
  const outDir = path.join(ROOT, '.build/test-children', String(process.pid));
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: path.join(ROOT, 'test/e2e/children', `${name}.ts`),
      outDir,
      emptyOutDir: false,
      minify: false,
      rollupOptions: { output: { entryFileNames: '[name].mjs' } },
    },
  });
  return path.join(outDir, `${name}.mjs`);
}

/** A process of its own, whose lines of output can be waited for. */
export class Child {
  readonly lines: string[] = [];
  readonly process: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #exited = false;

  constructor(file: string, env: Record<string, string>) {
    this.process = spawn(process.execPath, [file], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      createInterface({ input: output }).on('line', (line) => this.lines.push(line));
    }
    this.exited = new Promise((resolve) => {
      this.process.on('close', (code, signal) => {
        this.#exited = true;
        resolve({ code, signal });
      });
    });
  }

  async said(line: string): Promise<void> {
    await until(`a child to say '${line}'; it said: ${this.lines.join(' | ')}`, () => {
      if (this.#exited && !this.lines.includes(line)) throw new Error(`it ended: ${this.lines.join('\n')}`);
      return this.lines.includes(line);
    });
  }

  /** Ends it, if it still runs. */
  kill(): void {
    if (!this.#exited) this.process.kill('SIGKILL');
  }
}
