import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** One fault's line in the table that ends the run. */
export interface ReportRow {
  readonly fault: number;
  readonly title: string;
  /** How often, by what was done. */
  readonly injected: Record<string, number>;
  readonly jobs: number;
  readonly lost: number;
  readonly repeated: number;
  /** Why jobs ran again, and how many. */
  readonly reasons: Record<string, number>;
  /** The longest, ms. */
  readonly recovery?: number;
  readonly notes: readonly string[];
}

/** Counts one fault's injections and what they did. */
export class Report {
  readonly #fault: number;
  readonly #title: string;
  readonly #injected: Record<string, number> = {};
  readonly #reasons: Record<string, number> = {};
  readonly #notes: string[] = [];
  #jobs = 0;
  #lost = 0;
  #repeated = 0;
  #recovery: number | undefined;

  constructor(fault: number, title: string) {
    this.#fault = fault;
    this.#title = title;
  }

  injected(what: string, times = 1): void {
    this.#injected[what] = (this.#injected[what] ?? 0) + times;
  }

  times(what: string): number {
    return this.#injected[what] ?? 0;
  }

  jobs(jobs: number, lost = 0): void {
    this.#jobs += jobs;
    this.#lost += lost;
  }

  repeated(why: string, times = 1): void {
    this.#repeated += times;
    this.#reasons[why] = (this.#reasons[why] ?? 0) + times;
  }

  /** How long it took until work went on. */
  recovered(ms: number): void {
    this.#recovery = Math.max(this.#recovery ?? 0, ms);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  write(directory: string): void {
    const row: ReportRow = {
      fault: this.#fault,
      title: this.#title,
      injected: this.#injected,
      jobs: this.#jobs,
      lost: this.#lost,
      repeated: this.#repeated,
      reasons: this.#reasons,
      ...(this.#recovery !== undefined && { recovery: Math.round(this.#recovery) }),
      notes: this.#notes,
    };
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, `${String(this.#fault).padStart(2, '0')}.json`), JSON.stringify(row));
  }
}

export function readRows(directory: string): ReportRow[] {
  return readdirSync(directory)
    .toSorted()
    .map((file) => JSON.parse(readFileSync(path.join(directory, file), 'utf8')) as ReportRow);
}

const counts = (of: Record<string, number>): string =>
  Object.entries(of)
    .map(([what, times]) => `${times} ${what}`)
    .join('; ') || '-';

/** One line per fault. */
export function table(rows: readonly ReportRow[]): string {
  const head = ['fault', 'injected', 'jobs', 'lost', 'repeated', 'recovery', 'why repeated; notes'];
  const lines = rows.map((row) => [
    `${String(row.fault).padStart(2)} ${row.title}`,
    counts(row.injected),
    String(row.jobs),
    String(row.lost),
    String(row.repeated),
    row.recovery === undefined ? '-' : `${(row.recovery / 1000).toFixed(1)} s`,
    [...(row.repeated > 0 ? [counts(row.reasons)] : []), ...row.notes].join('; ') || '-',
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]!.length)));
  return [head, ...lines]
    .map((line) => line.map((cell, i) => (i === line.length - 1 ? cell : cell.padEnd(widths[i]!))).join(' | '))
    .join('\n');
}
