import path from 'node:path';
import type { Reporter } from 'vitest/node';
import { readRows, table } from './report.js';
import { seed } from './setting.js';

/** Prints what the faults did, a line each. */
export default class TableReporter implements Reporter {
  onTestRunEnd(): void {
    const rows = readRows(path.resolve(import.meta.dirname, '../../../.build/faults/rows'));
    console.log(`\n${table(rows)}\n\nSEED=${seed}`);
  }
}
