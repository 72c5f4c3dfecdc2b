import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The documents that are checked, by their path in the repository. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(ROOT, 'docs')).map((file) => `docs/${file}`),
];

/** Its TypeScript is of libraries that test/drivers has, and is run there. */
export const OF_DRIVERS = 'docs/transactions.md';

export interface Snippet {
  readonly document: string;
  /** Of its first line in the document, from 1. */
  readonly line: number;
  readonly language: string;
  /** `README.md:12`, for messages. */
  readonly where: string;
  readonly code: string;
}

export function read(document: string): string {
  return readFileSync(path.join(ROOT, document), 'utf8');
}

/** The fenced blocks of a language, in all documents or in one. */
export function snippets(language: string, documents: readonly string[] = DOCUMENTS): Snippet[] {
  return documents.flatMap((document) => snippetsOf(document)).filter((snippet) => snippet.language === language);
}

function snippetsOf(document: string): Snippet[] {
  const text = read(document);
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length + 1;
    return { document, line, where: `${document}:${line}`, language: match[1]!, code: match[2]! };
  });
}

/** The rows of the first table under a heading, cell by cell; without the head. */
export function table(document: string, heading: string): string[][] {
  const text = read(document);
  const start = text.indexOf(`\n${heading}\n`);
  if (start === -1) throw new Error(`${document} has no heading '${heading}'`);
  const [found] = /(?:^\|.*\n)+/m.exec(text.slice(start)) ?? [];
  if (found === undefined) throw new Error(`${document} has no table under '${heading}'`);
  const [, , ...rows] = found.trim().split('\n');
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

/** What stands between backticks first. */
export function quoted(cell: string): string | undefined {
  return /`([^`]+)`/.exec(cell)?.[1];
}

/** The request that a `curl` command makes. */
export function request(curl: string, port: number): { url: string; init: RequestInit } {
  const [, address] = /curl -X POST (\S+)/.exec(curl) ?? [];
  const [, header, value] = /-H '([^:]+): ([^']+)'/.exec(curl) ?? [];
  const [, body] = /-d '([^']+)'/.exec(curl) ?? [];
  if (address === undefined || header === undefined || value === undefined || body === undefined) {
    throw new Error(`not a command that is understood: ${curl}`);
  }
  const url = new URL(address.startsWith('http') ? address : `http://${address}`);
  url.port = String(port);
  return { url: url.href, init: { method: 'POST', headers: { [header]: value }, body } };
}
