import { now } from './measure.mjs';

/** What a worker's handlers saw: when each began, how long its job had waited, and how often each job ended. */
export class Recorder {
  begun = 0;
  ended = 0;
  #at = new Float64Array(1 << 17);
  #waited = new Float64Array(1 << 17);
  #seen = new Uint8Array(1 << 17);

  begin({ at }) {
    if (this.begun === this.#at.length) {
      this.#at = larger(this.#at);
      this.#waited = larger(this.#waited);
    }
    const time = now();
    this.#at[this.begun] = time;
    this.#waited[this.begun++] = time - at;
  }

  end({ n }) {
    while (n >= this.#seen.length) this.#seen = larger(this.#seen);
    this.#seen[n]++;
    this.ended++;
  }

  get records() {
    return { at: this.#at.slice(0, this.begun), waited: this.#waited.slice(0, this.begun), seen: this.#seen };
  }
}

function larger(array) {
  const copy = new array.constructor(array.length * 2);
  copy.set(array);
  return copy;
}
