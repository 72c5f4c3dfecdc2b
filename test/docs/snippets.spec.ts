import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/signals.js';
import { answers, Child, freePort } from './support/child.js';
import { freshDatabase } from './support/fresh-database.js';
import { request, type Snippet, snippets } from './support/markdown.js';
import { snippetProject, type SnippetProject } from './support/snippet-project.js';

const inDocuments = snippets('ts');
const WRONG: Snippet = {
  document: 'wrong.md',
  line: 10,
  where: 'wrong.md:10',
  language: 'ts',
  code: `import { Queue } from 'nestjs-pgqueue';\nawait queue.add('job', null, { delay: 'soon' });\n`,
};

let project: SnippetProject;

beforeAll(() => {
  project = snippetProject('snippets', [...inDocuments, WRONG]);
}, 120_000);

describe('TypeScript in the documents', () => {
  it('is there, in every document that shows how to use something', () => {
    const documents = new Set(inDocuments.map(({ document }) => document));
    expect([...documents].toSorted()).toEqual([
      'README.md',
      'docs/guarantees.md',
      'docs/migrating-from-bull.md',
      'docs/operating.md',
      'docs/options.md',
    ]);
  });

  it.each(inDocuments)('type-checks against the library: $where', (snippet) => {
    expect(project.problemsOf(snippet)).toEqual([]);
  });

  it('that is wrong would be found, with its line', () => {
    expect(project.problemsOf(WRONG)).toMatchObject([{ document: 'wrong.md', line: 11 }]);
    expect(project.problemsOf(WRONG)[0]!.message).toContain('"soon"');
    expect(project.others).toEqual([]);
  });
});

describe('the quick start of the README, as written', () => {
  const database = freshDatabase();
  let app: Child;
  let port: number;

  beforeAll(async () => {
    project.emit();
    port = await freePort();
    app = new Child(project.compiled('README.md', 'main.ts'), {
      env: { DATABASE_URL: database.url, PORT: String(port) },
    });
    await app.line(/Nest application successfully started/);
    // Nest says so before it listens
    await until('the quick start to listen', () => answers(port));
  }, 60_000);

  afterAll(async () => {
    await app?.dispose();
  });

  it('answers its curl command, and runs the job', async () => {
    const curl = snippets('sh', ['README.md']).find(({ code }) => code.startsWith('curl'));
    const { url, init } = request(curl!.code, port);
    const response = await fetch(url, init);
    expect(response.status).toBe(201);
    const { job } = (await response.json()) as { job: string };
    const { match } = await app.line(/job (\d+): sending a welcome to (\S+)/);
    expect(match.slice(1)).toEqual([job, 'ada@example.com']);
  });

  it('ends on SIGTERM', async () => {
    app.kill('SIGTERM');
    // Nest sends itself the signal again when it has shut down
    expect(await app.ended).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('can be loaded by require()', () => {
    const script = `const { PgQueueModule } = require(${JSON.stringify(project.library)}); console.log(typeof PgQueueModule.forRoot)`;
    const said = execFileSync(process.execPath, ['--input-type=commonjs', '-e', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(said).toBe('function\n');
  });
});
