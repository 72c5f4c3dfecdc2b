import { AsyncLocalStorage } from 'node:async_hooks';
import type { PgqueEngine } from '../../engine/pgque-engine.interface.js';
import type { PgqueSession } from '../../engine/pgque-session.interface.js';
import type { PgqueUpkeepEngine } from '../../engine/pgque-upkeep.interface.js';
import { InvalidOptionsError } from '../../errors/invalid-options.error.js';
import { PgqueUnavailableError } from '../../errors/pgque-unavailable.error.js';
import { UnknownStreamError } from '../../errors/unknown-stream.error.js';
import type { ResolvedPgqueOptions } from '../../interfaces/pgque-options.interface.js';
import type { Log } from '../../utils/log.js';
import type { StreamConsumerDefinition } from '../streams/stream-consumer-definition.js';
import type { GroupLock } from './group-lock.js';
import { PgqueConsumer } from './pgque-consumer.js';
import { type PgqueGroup, pgqueGroups } from './pgque-group.js';
import { LEADER, PgqueTicker } from './pgque-ticker.js';

export interface PgqueRuntimeDeps {
  readonly engine: PgqueEngine;
  readonly upkeep: PgqueUpkeepEngine;
  readonly session: PgqueSession;
  readonly options: ResolvedPgqueOptions;
  readonly log: Log;
}

/**
 * This process's consumers of PgQue, and its part in ticking it.
 *
 * - Without any it does nothing, and connects nowhere.
 * - `start()` and `stop()` are idempotent and may follow each other; `stop()` resolves when all is quiet.
 * - Its timers and callbacks run outside of whatever request or transaction happens to start them.
 */
export class PgqueRuntime {
  readonly #deps: PgqueRuntimeDeps;
  readonly #outside = AsyncLocalStorage.snapshot();
  #consumers: PgqueConsumer[] = [];
  #ticker: PgqueTicker | undefined;
  #running = false;

  constructor(deps: PgqueRuntimeDeps) {
    this.#deps = deps;
  }

  /** @throws PgqueUnavailableError, UnknownStreamError, InvalidOptionsError */
  async start(definitions: readonly StreamConsumerDefinition[]): Promise<void> {
    const groups = pgqueGroups(definitions);
    if (this.#running || (groups.length === 0 && this.#deps.options.ticker !== true)) return;
    await this.#outside(() => this.#start(groups));
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    await Promise.all([...this.#consumers.map((consumer) => consumer.stop()), this.#ticker?.stop()]);
    await this.#deps.session.stop();
    this.#consumers = [];
    this.#ticker = undefined;
  }

  async #start(groups: readonly PgqueGroup[]): Promise<void> {
    const { engine, session, log } = this.#deps;
    await engine.check();
    for (const group of groups) await this.#prepare(group);
    this.#ticker = await this.#makeTicker();
    this.#running = true;
    this.#consumers = groups.map(
      (group) => new PgqueConsumer({ engine, group, log, isListening: () => session.listening }),
    );
    const ofQueue = (queue: string): PgqueConsumer[] => this.#consumers.filter((_, i) => groups[i]!.queue === queue);
    const locks = new Map<string, GroupLock>(groups.map((group, i) => [lockOf(group), this.#consumers[i]!.lock]));
    if (this.#ticker !== undefined) locks.set(LEADER, this.#ticker.lock);
    session.start([...new Set(groups.map(({ queue }) => queue))], {
      onTick: (queue) => {
        for (const consumer of ofQueue(queue)) consumer.wake();
      },
      onListening: () => {
        for (const consumer of this.#consumers) consumer.wake();
      },
      onHeld: (lock) => locks.get(lock)?.gained(),
      onUnsure: (lock) => locks.get(lock)?.doubted(),
      onLost: (lock) => locks.get(lock)?.lost(),
    });
    for (const group of groups) session.want(lockOf(group));
    for (const consumer of this.#consumers) consumer.start();
    this.#ticker?.start();
  }

  async #prepare({ queue, consumer, label, attempts, options: { startFrom } }: PgqueGroup): Promise<void> {
    const { engine, options } = this.#deps;
    if (options.createQueues) await engine.createQueue(queue);
    const found = await engine.queue(queue);
    if (found === undefined) {
      throw new UnknownStreamError(
        `${label}: PgQue has no queue '${queue}': create it, select pgque.create_queue('${queue.replaceAll("'", "''")}'), ` +
          `or say forRoot({ pgque: { createQueues: true } })`,
      );
    }
    if (attempts !== undefined && attempts !== found.maxRetries + 1) {
      throw new InvalidOptionsError(
        'attempts',
        `${label}: @StreamConsumer(): attempts is ${attempts}, and PgQue's '${queue}' delivers an event ${found.maxRetries + 1} times to ` +
          `each of its consumers: leave attempts out, or change the queue for all of them, ` +
          `select pgque.set_queue_config('${queue.replaceAll("'", "''")}', 'max_retries', '${attempts - 1}')`,
      );
    }
    await engine.subscribe(queue, consumer, startFrom);
  }

  async #makeTicker(): Promise<PgqueTicker | undefined> {
    const { upkeep, session, options, log } = this.#deps;
    if (options.ticker === false) return undefined;
    if (!(await upkeep.mayTick())) {
      if (options.ticker === true) {
        throw new PgqueUnavailableError(
          `PgQueueModule.forRoot(): pgque.ticker is true, and this role may not tick PgQue: grant it pgque_admin, or leave ticker out`,
        );
      }
      log.debug?.('This role may not tick PgQue: somebody else has to');
      return undefined;
    }
    return new PgqueTicker({
      engine: upkeep,
      log,
      mode: options.ticker === true ? 'always' : 'auto',
      want: (lock) => session.want(lock),
      release: (lock) => session.release(lock),
    });
  }
}

/** Of the database, whatever the module's schema: all applications share PgQue's consumers. */
const lockOf = ({ queue, consumer }: PgqueGroup): string => `pgque consumer ${JSON.stringify([queue, consumer])}`;
