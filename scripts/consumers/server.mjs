import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import ts from 'typescript';
import { root } from './npm.mjs';

/** The server of DATABASE_URL, or one of the binaries that npm brings, as the sample and the tests start it. */
export async function startServer() {
  const given = process.env.DATABASE_URL;
  if (given) return { url: given, stop: async () => undefined };
  // this one file by itself: Node 20 runs no TypeScript, and to compile the sample takes the whole library
  const source = readFileSync(path.join(root, 'sample/local-postgres.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: 'ESNext', target: 'ES2023' } });
  const file = path.join(root, '.build/consumers/local-postgres.mjs');
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, outputText);
  const { startLocalPostgres } = await import(pathToFileURL(file).href);
  return startLocalPostgres();
}

export async function dropSchema(url, schema) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`set client_min_messages to warning; drop schema if exists ${schema} cascade`);
  await client.end();
}
