import { loadAdapter } from '../adapters/index.mjs';
import { machineCpu, processCpu, serverCpu } from './cpu.mjs';
import { now, sleep, walPosition } from './measure.mjs';
import { connect } from './postgres.mjs';
import { redisInfo, startRedis } from './redis.mjs';
import { RoleProcess } from './role-process.mjs';

const BATCH = 5_000;

/**
 * Where one cell runs: a fresh database (or Redis), the processes that play producer and worker, and what is measured
 * around them. `limit`: when a cell ends, done or not, in ms.
 */
export class Environment {
  roles = [];
  /** Jobs that fill() has added: the next one's number. */
  filled = 0;
  #about;
  #postgres;
  #redis;

  constructor({ limit, postgres }) {
    this.limit = limit;
    this.#postgres = postgres;
  }

  async open({ system, profile }) {
    const adapter = await loadAdapter(system);
    if (adapter.server === 'redis') {
      this.#redis = await startRedis(adapter.appendfsync);
      this.url = this.#redis.url;
    } else {
      this.url = await this.#postgres.createDatabase();
      this.client = await connect(this.url);
    }
    this.#about = { system, profile, url: this.url };
    await adapter.prepare({ profile, url: this.url });
    this.observer = await adapter.observer({ url: this.url });
  }

  get redis() {
    return this.#redis?.client;
  }

  /** A process, connected, that does nothing yet. */
  async role(role, more) {
    const started = new RoleProcess({ role, ...this.#about, ...more });
    this.roles.push(started);
    await started.call('open');
    return started;
  }

  async workers(count) {
    return Promise.all(Array.from({ length: count }, () => this.role('worker')));
  }

  /** Adds jobs by a process of its own, and looks whether the storage has them; how many, as adding ends at the limit, too. */
  async fill(count, { delay, limit = this.limit } = {}) {
    const producer = await this.role('producer', { first: this.filled });
    const before = await this.observer.stored();
    const { added } = await producer.call('addBulk', { count, batch: BATCH, delay, callers: 2, limit });
    this.filled += added;
    await producer.close();
    const stored = (await this.observer.stored()) - before;
    if (!delay && stored !== added) throw new Error(`${added} jobs were added, and ${stored} are stored`);
    return added;
  }

  /** What a database that has been at work for a while has: statistics, clean pages, and no checkpoint under way. */
  async settle() {
    if (this.client) {
      await this.client.query('vacuum (analyze)');
      await this.client.query('checkpoint');
    }
    await sleep(300);
  }

  /** Runs it, and says what it cost: ms of CPU by whom, bytes of the journal, and what others did to the machine. */
  async measure(work) {
    const before = await this.#snapshot();
    const result = await work();
    const after = await this.#snapshot();
    const wall = after.at - before.at;
    const spent = (what) => after[what] - before[what];
    const ours = spent('node') + spent('server') + spent('runner');
    return {
      result,
      usage: {
        wall,
        node: spent('node'),
        server: spent('server'),
        journal: spent('journal'),
        others: Math.max(0, spent('busy') - ours) / wall,
        steal: spent('steal') / wall,
      },
    };
  }

  async close() {
    await Promise.all(this.roles.map((started) => started.kill()));
    await this.observer?.close();
    await this.client?.end();
    await (this.#redis ? this.#redis.stop() : this.#postgres.dropDatabase());
  }

  async #snapshot() {
    const journal = this.client
      ? await walPosition(this.client)
      : await redisInfo(this.redis, 'all', 'aof_current_size');
    return {
      at: now(),
      journal,
      node: this.roles.reduce((sum, { cpu }) => sum + cpu, 0),
      server: serverCpu(this.#postgres.pid) + serverCpu(this.#redis?.pid),
      runner: processCpu(process.pid),
      ...machineCpu(),
    };
  }
}
