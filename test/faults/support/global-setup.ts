import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildChild } from './build-child.js';
import { DURABLE, startServer } from './server.js';
import { seed } from './setting.js';

declare module 'vitest' {
  export interface ProvidedContext {
    databaseUrl: string;
    /** The application that is killed, compiled. */
    childScript: string;
  }
}

export const ROOT = path.resolve(import.meta.dirname, '../../..');
export const BUILD = path.join(ROOT, '.build/faults');
export const ROWS = path.join(BUILD, 'rows');

/** One durable server for all faults that leave it as it is, and the child application. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  rmSync(ROWS, { recursive: true, force: true });
  mkdirSync(ROWS, { recursive: true });
  console.log(`SEED=${seed}`);
  const server = await startServer({ settings: { ...DURABLE, max_connections: 400 } });
  project.provide('databaseUrl', server.url);
  project.provide('childScript', await buildChild(ROOT, path.join(BUILD, 'children/worker.mjs')));
  return () => server.remove();
}
