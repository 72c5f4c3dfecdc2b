import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const LIB = resolve(import.meta.dirname, '../../lib');
const SHARED = ['interfaces', 'errors', 'utils'];
const NEST_FREE = /^(@nestjs\/|rxjs)/;

interface Rule {
  /** Directories of lib/ (besides its own) whose values it may use. */
  readonly from: readonly string[];
  /** Those of which it may only use types. */
  readonly types?: readonly string[];
  /** Packages it must not touch, not even for types. */
  readonly never?: RegExp;
}

/** The table of architecture.md. The longest prefix of a file's path is its rule; '' is the modules, which wire everything. */
const RULES: Readonly<Record<string, Rule>> = {
  '': {
    from: [
      '',
      'engine',
      'engine/postgres',
      'engine/pgque',
      'context',
      'decorators',
      'discovery',
      'queue',
      'streams',
      'transactions',
      'runtime',
      ...SHARED,
    ],
  },
  // what it wraps are handlers, of which it knows the type
  context: { from: ['runtime', 'transactions', ...SHARED], never: NEST_FREE },
  discovery: { from: ['decorators', ...SHARED], types: ['runtime', 'queue', 'engine'], never: /^pg$/ },
  decorators: { from: SHARED, types: ['queue'], never: /^(pg|@nestjs\/core)$/ },
  queue: { from: ['engine', 'transactions', ...SHARED], never: NEST_FREE },
  // what is observed is an Observable
  streams: { from: ['engine', 'transactions', ...SHARED], never: /^(pg$|@nestjs\/)/ },
  runtime: { from: ['engine', 'queue', 'streams', 'transactions', ...SHARED], never: NEST_FREE },
  transactions: { from: SHARED, never: NEST_FREE },
  engine: { from: SHARED, never: NEST_FREE },
  'engine/postgres': { from: ['engine', ...SHARED], never: NEST_FREE },
  // in the same database, so on the same connection
  'engine/pgque': { from: ['engine', 'engine/postgres', ...SHARED], never: NEST_FREE },
  // what they only describe may be anything's
  interfaces: { from: [], types: ['engine', 'queue', ...SHARED] },
  errors: { from: ['utils'], types: ['interfaces'], never: /^(@nestjs\/|pg$)/ },
  utils: { from: [], types: ['interfaces'], never: /^(@nestjs\/|pg$)/ },
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function sources(): string[] {
  return readdirSync(LIB, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(LIB, file), 'utf8');
  const lines = text.matchAll(/^(?:import|export)\s+(type\s)?(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const dynamic = text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g);
  return [
    ...[...lines].map(([, type, target]) => ({ file, target: target!, typeOnly: type !== undefined })),
    ...[...dynamic].map(([, target]) => ({ file, target: target!, typeOnly: false })),
  ];
}

function layerOf(file: string): string {
  const layers = Object.keys(RULES).filter((layer) => layer === '' || file.startsWith(`${layer}/`));
  return layers.reduce((longest, layer) => (layer.length > longest.length ? layer : longest));
}

function violation({ file, target, typeOnly }: Import): string | undefined {
  const layer = layerOf(file);
  const rule = RULES[layer]!;
  if (!target.startsWith('.')) {
    return rule.never?.test(target) === true ? `${file} must not import ${target}` : undefined;
  }
  const other = layerOf(
    relative(LIB, resolve(LIB, dirname(file), target))
      .split('\\')
      .join(posix.sep),
  );
  const allowed = other === layer || rule.from.includes(other) || (typeOnly && rule.types?.includes(other) === true);
  return allowed
    ? undefined
    : `${file} must not import ${typeOnly ? 'types' : 'values'} of ${other || 'the modules'}: ${target}`;
}

describe('the architecture', () => {
  const files = sources();

  it('has files to look at, and every directory has a rule', () => {
    expect(files.length).toBeGreaterThan(50);
    const ruled = new Set(Object.keys(RULES).map((layer) => layer.split('/')[0]));
    const directories = new Set(files.filter((file) => file.includes('/')).map((file) => file.split('/')[0]!));
    expect([...directories].filter((directory) => !ruled.has(directory))).toStrictEqual([]);
  });

  it('sees what is forbidden', () => {
    const bad: Import[] = [
      { file: 'queue/queue.ts', target: '../engine/postgres/connection.js', typeOnly: true },
      { file: 'queue/queue.ts', target: '@nestjs/common', typeOnly: false },
      { file: 'engine/postgres/connection.ts', target: '../../runtime/runtime.js', typeOnly: true },
      { file: 'utils/text.ts', target: '../errors/index.js', typeOnly: false },
      { file: 'discovery/candidate.ts', target: '../runtime/runtime.js', typeOnly: false },
    ];
    expect(bad.filter((one) => violation(one) === undefined)).toStrictEqual([]);
  });

  it('lets a file import only what its directory may', () => {
    expect(
      files
        .flatMap(importsOf)
        .map(violation)
        .filter((one) => one !== undefined),
    ).toStrictEqual([]);
  });

  it('imports by full file names, and the inside of Nest in one file', () => {
    const imports = files.flatMap(importsOf);
    expect(imports.filter(({ target }) => target.startsWith('.') && !target.endsWith('.js'))).toStrictEqual([]);
    const inside = imports.filter(({ target }) => /^@nestjs\/[^/]+\/./.test(target));
    expect([...new Set(inside.map(({ file }) => file))]).toStrictEqual(['discovery/nest-internals.ts']);
    // the file's own name, which both versions have
    expect(inside.filter(({ target }) => !target.endsWith('.js'))).toStrictEqual([]);
  });
});
