import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/drivers/*.spec.ts'],
    setupFiles: ['reflect-metadata'],
    globalSetup: ['test/support/global-setup.ts', 'test/drivers/support/snippets.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    isolate: false,
    pool: 'forks',
    // half of the time is spent waiting
    maxWorkers: 2,
    // PGlite alone takes seconds to begin
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
