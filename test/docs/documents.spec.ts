import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { PgQueueModule } from '../../lib/index.js';
import { DOCUMENTS, read, ROOT, snippets } from './support/markdown.js';

interface Link {
  readonly document: string;
  readonly target: string;
}

const links: Link[] = DOCUMENTS.flatMap((document) =>
  [...read(document).matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => ({ document, target: target! })),
);

/** As GitHub makes them. */
function anchors(document: string): string[] {
  return [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

function isBroken({ document, target }: Link): boolean {
  if (target.startsWith('https:')) return false;
  const [file, anchor] = target.split('#') as [string, string | undefined];
  const other = file === '' ? document : path.posix.join(path.posix.dirname(document), file);
  return (
    !existsSync(path.join(ROOT, other)) ||
    (anchor !== undefined && !anchors(other).includes(anchor)) ||
    // nobody can look at what is not in the package's repository
    other.startsWith('..')
  );
}

describe('the documents', () => {
  it('link only to what is there', () => {
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter(isBroken)).toEqual([]);
    expect(isBroken({ document: 'README.md', target: 'docs/options.md#no-such-heading' })).toBe(true);
    expect(isBroken({ document: 'README.md', target: 'docs/no-such.md' })).toBe(true);
  });

  it('name only commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const commands = snippets('sh').flatMap(({ code }) =>
      [...code.matchAll(/npm (?:run ([\w:]+)|(start|test)\b)/g)].map(([, run, short]) => (run ?? short)!),
    );
    expect(commands.length).toBeGreaterThan(5);
    expect(commands.filter((command) => !Object.hasOwn(scripts, command))).toEqual([]);
  });

  it('have an entry for this version', () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(read('CHANGELOG.md')).toContain(`\n## ${version}`);
  });

  it('say where to begin with the next migration', () => {
    const from = [...read('README.md').matchAll(/\{ from: (\d+) \}/g)].map(([, version]) => Number(version));
    expect(from.length).toBeGreaterThan(0);
    expect(Math.max(...from)).toBeLessThanOrEqual(PgQueueModule.schemaVersion);
  });
});
