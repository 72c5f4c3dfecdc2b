/** What a job is, by its number: of ten one is delayed, one fails once, and one has a unique key that was used before. */
export const kind = (n) => ['delayed', 'retried', 'keyed'][[5, 3, 7].indexOf(n % 10)] ?? 'plain';

/** How often each job ran. */
export class Ledger {
  #runs = new Uint8Array(1 << 24);
  /** Jobs that have run to their end. */
  done = 0;

  /** A run begins; says whether it shall fail. */
  ran(n) {
    if (n >= this.#runs.length) {
      const more = new Uint8Array(this.#runs.length * 2);
      more.set(this.#runs);
      this.#runs = more;
    }
    const run = ++this.#runs[n];
    if (kind(n) === 'retried' && run === 1) return true;
    this.done++;
    return false;
  }

  /** Of the first `count` jobs, of which those in `refused` were never added: lost ones and repeated ones. */
  audit(count, refused) {
    let lost = 0;
    let repeated = 0;
    const absent = new Set(refused);
    for (let n = 0; n < count; n++) {
      const due = absent.has(n) ? 0 : kind(n) === 'retried' ? 2 : 1;
      if (this.#runs[n] < due) lost++;
      if (this.#runs[n] > due) repeated++;
    }
    return { added: count - absent.size, refused: absent.size, lost, repeated };
  }
}
