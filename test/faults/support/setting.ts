/** Whether this is the short form: the same faults, smaller. */
export const isShort = process.env['FAULTS'] === 'short';
export const seed = process.env['SEED'] ?? '1';

export function scaled<T>(full: T, short: T): T {
  return isShort ? short : full;
}

/** Choices that the seed decides. */
export class Random {
  #state: number;

  constructor(about: string) {
    this.#state = 2_166_136_261;
    for (const character of `${seed}/${about}`) {
      this.#state = Math.imul(this.#state ^ character.codePointAt(0)!, 16_777_619);
    }
  }

  /** From 0 to below 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)]!;
  }
}

/** How long others must have watched before they may judge, and what they then take: ms. */
export const WATCHED = 10_500;

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
