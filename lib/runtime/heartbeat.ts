import type { Log } from '../utils/log.js';

/** While it holds leases a worker shows every second that it lives; otherwise every few: ms. */
const EVERY = 1_000;
const IDLE_BEATS = 5;

export interface HeartbeatDeps {
  /** False: this worker was declared dead. */
  beat(): Promise<boolean>;
  holdsLeases(): boolean;
  isListening(): boolean;
  onDead(): void;
  readonly log: Log;
}

/** Shows that the worker lives. One beat at a time; one that fails is made up for by the next. */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #ticks = 0;
  #saidListening = false;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#ticks++;
      const listening = this.#deps.isListening();
      // who watches has to know whether a lock is held
      const changed = listening !== this.#saidListening;
      if (changed || this.#deps.holdsLeases() || this.#ticks % IDLE_BEATS === 0) {
        this.#saidListening = listening;
        this.#beating ??= this.#beat().finally(() => {
          this.#beating = undefined;
        });
      }
    }, EVERY);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#beating;
  }

  async #beat(): Promise<void> {
    try {
      if (!(await this.#deps.beat())) this.#deps.onDead();
    } catch (error) {
      this.#saidListening = false;
      this.#deps.log.debug?.(`A heartbeat failed: ${String(error)}`);
    }
  }
}
