import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

/** The results of a run, cell by cell, in a file that a run that was stopped goes on from. */
export class State {
  /** Of this subject: `{ cell, result }`, where the result may be an error or say why there is none. */
  entries = [];
  /** Entries of another commit, version, machine or size, which are left alone. */
  others = 0;
  #file;
  #subject;

  constructor(file, subject, { fresh }) {
    this.#file = file;
    this.#subject = JSON.stringify(subject);
    mkdirSync(path.dirname(file), { recursive: true });
    if (fresh) rmSync(file, { force: true });
    if (existsSync(file)) this.#read();
  }

  /** What came of a cell; failures are tried again. */
  find(cell) {
    const key = keyOf(cell);
    return this.entries.findLast((entry) => keyOf(entry.cell) === key && entry.result.error === undefined)?.result;
  }

  add(cell, result) {
    const entry = { cell, at: new Date().toISOString(), result };
    this.entries.push(entry);
    appendFileSync(this.#file, `${JSON.stringify({ subject: this.#subject, ...entry })}\n`);
  }

  #read() {
    for (const line of readFileSync(this.#file, 'utf8').split('\n')) {
      if (line === '') continue;
      const { subject, ...entry } = JSON.parse(line);
      if (subject === this.#subject) this.entries.push(entry);
      else this.others++;
    }
  }
}

function keyOf({ workload, variant, system, profile, repetition }) {
  return [workload, variant, system, profile, repetition].join(' ');
}
