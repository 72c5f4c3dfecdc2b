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
    // what is measured is how soon a machine recovers that does nothing else
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
