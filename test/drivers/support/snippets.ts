import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OF_DRIVERS, quoted, type Snippet, snippets, table } from '../../docs/support/markdown.js';

const GENERATED = path.resolve(import.meta.dirname, '../.generated');

/** What the document says for each library, by the name of its file. */
export function documented(): Map<string, Snippet> {
  return new Map(snippets('ts', [OF_DRIVERS]).map((snippet) => [/^\/\/ (\S+)\.ts\n/.exec(snippet.code)![1]!, snippet]));
}

export function fileOf(name: string): string {
  return path.join(GENERATED, `${name}.ts`);
}

/** What the README's examples begin with. */
const README_TYPES: Readonly<Record<string, string>> = {
  TypeORM: `dataSource: import('typeorm').DataSource`,
  Prisma: `prisma: import('./generated/prisma/client.js').PrismaClient`,
  Drizzle: `db: import('drizzle-orm/node-postgres').NodePgDatabase`,
  Kysely: `db: import('kysely').Kysely<object>`,
  Knex: `knex: import('knex').Knex`,
  MikroORM: `em: import('@mikro-orm/postgresql').EntityManager`,
  Sequelize: `sequelize: import('sequelize').Sequelize`,
  Slonik: `pool: import('slonik').DatabasePool`,
  'postgres.js': `sql: import('postgres').Sql`,
  'pg-promise': `db: import('pg-promise').IDatabase<object>`,
  PGlite: `pglite: import('@electric-sql/pglite').PGlite`,
};

/** The README's table of examples, as functions to be type-checked. */
function readmeExamples(): string {
  const rows = table('README.md', '## Adding a job in your transaction');
  const examples = rows.map(
    ([library, code]) =>
      `  (${README_TYPES[library!]}, jobs: import('nestjs-pgqueue').QueueService, data: object) => ${quoted(code!)},`,
  );
  return `export const examples = [\n${examples.join('\n')}\n];\n`;
}

/** Writes them where they are compiled and run, before any test does. */
export default function setup(): void {
  mkdirSync(GENERATED, { recursive: true });
  for (const [name, { code }] of documented()) writeFileSync(fileOf(name), code);
  writeFileSync(fileOf('readme'), readmeExamples());
}
