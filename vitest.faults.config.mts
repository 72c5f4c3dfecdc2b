import { randomInt } from 'node:crypto';
import { defineConfig } from 'vitest/config';

// one seed for all files: what is killed and cut, and when, can be said again with SEED=...
process.env['SEED'] ??= String(randomInt(1_000_000));

export default defineConfig({
  test: {
    include: ['test/faults/*.spec.ts'],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/faults/support/global-setup.ts'],
    reporters: ['default', './test/faults/support/table-reporter.ts', './test/support/summary-reporter.ts'],
    isolate: false,
    pool: 'forks',
    // most of the time is spent waiting; the long form measures on a machine that does nothing else
    maxWorkers: process.env['FAULTS'] === 'short' ? 4 : 1,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
