import { fork } from 'node:child_process';
import path from 'node:path';
import { processCpu } from './cpu.mjs';
import { sleep } from './measure.mjs';

const ROLE = path.resolve(import.meta.dirname, '../role.mjs');

/** A process of `role.mjs`, and how far it has come. */
export class RoleProcess {
  /** Handlers that it has begun and ended, as of some milliseconds ago. */
  begun = 0;
  ended = 0;
  #child;
  #calls = new Map();
  #exited;
  #last = 0;
  #cpu;

  constructor(role) {
    this.#child = fork(ROLE, [JSON.stringify(role)], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message) => this.#hear(message));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        for (const { reject } of this.#calls.values()) reject(new Error(`its process ended (${code ?? signal})`));
        this.#calls.clear();
        resolve();
      });
    });
  }

  /** CPU time that it has used, or had when it was killed: ms. */
  get cpu() {
    return this.#cpu ?? processCpu(this.#child.pid);
  }

  async call(command, argument) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#child.send({ id, command, argument }, (error) => error && reject(error));
    });
  }

  /** Lets it close what it holds, for a while. */
  async close() {
    await Promise.race([this.call('close').catch(() => undefined), sleep(10_000)]);
    await this.kill();
  }

  async kill() {
    this.#cpu ??= processCpu(this.#child.pid);
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #hear({ id, result, error, begun, ended }) {
    if (id === undefined) {
      this.begun = begun;
      this.ended = ended;
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  }
}
