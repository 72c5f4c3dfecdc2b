import type { JobHandler, ProcessorDefinition } from './processor-definition.js';
import { Slots } from './slots.js';

/** Which handler, in which processor's slots, takes a job's name in this process. One queue's. */
export class Routes {
  readonly queue: string;
  readonly slots: readonly Slots[];
  /** The names with a handler; null when one takes all. */
  readonly names: readonly string[] | null;
  readonly #byName = new Map<string, Route>();
  readonly #catchAll: Route | undefined;

  constructor(queue: string, definitions: readonly ProcessorDefinition[]) {
    this.queue = queue;
    this.slots = definitions.map((definition) => new Slots(definition));
    for (const slots of this.slots) {
      for (const [name, handler] of slots.definition.handlers) this.#byName.set(name, { slots, handler });
      const { catchAll } = slots.definition;
      if (catchAll !== undefined) this.#catchAll = { slots, handler: catchAll };
    }
    this.names = this.#catchAll === undefined ? [...this.#byName.keys()] : null;
  }

  /** Names whose processor has no room while another has; null: none. With one processor that cannot be. */
  full(): readonly string[] | null {
    if (this.slots.length === 1) return null;
    const full = [...this.#byName].filter(([, { slots }]) => slots.room === 0).map(([name]) => name);
    return full.length === 0 ? null : full;
  }

  /** How many places are free, by name; '' is every other name. */
  places(): Record<string, number> {
    const names = this.slots.length === 1 ? [] : [...this.#byName];
    const others = this.slots.length === 1 ? this.slots[0] : this.#catchAll?.slots;
    return Object.fromEntries([...names.map(([name, { slots }]) => [name, slots.free]), ['', others?.free ?? 0]]);
  }

  /** A claim hands out only names that it was given, so there is one. */
  of(name: string): Route {
    const route = this.#byName.get(name) ?? this.#catchAll;
    if (route === undefined)
      throw new Error(`Queue ${this.queue} handed out a job of a name without a handler: ${name}`);
    return route;
  }
}

export interface Route {
  readonly slots: Slots;
  readonly handler: JobHandler;
}
