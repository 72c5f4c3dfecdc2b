import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { ROOT, type Snippet } from './markdown.js';

/** What snippets may use without saying where it comes from. */
const PRELUDE = `
import type { INestApplication } from '@nestjs/common';
import type { Queue } from 'nestjs-pgqueue';
declare global {
  const app: INestApplication;
  const queue: Queue;
  class DatabaseModule {}
}
`;

export interface Problem {
  readonly document: string;
  readonly line: number;
  readonly message: string;
}

export interface SnippetProject {
  problemsOf(snippet: Snippet): Problem[];
  /** Problems that are no snippet's. */
  readonly others: readonly string[];
  /** Where the JavaScript of a named file is, once written. */
  compiled(document: string, name: string): string;
  /** Writes the JavaScript, of the library too. */
  emit(): void;
  /** The library's entry, compiled. */
  readonly library: string;
}

/**
 * Writes TypeScript snippets to files and compiles them against lib/.
 *
 * - Each is a module of its own; one that begins with its file's name (`// app.module.ts`) is that file, beside the other
 *   named ones of its document.
 * - The compiled files lie in a package named nestjs-pgqueue, so that Node resolves the import to the compiled lib/.
 */
export function snippetProject(name: string, snippets: readonly Snippet[]): SnippetProject {
  const home = path.join(ROOT, '.build', name);
  const out = path.join(home, 'out');
  rmSync(home, { recursive: true, force: true });
  const files = new Map<string, Snippet>();
  for (const snippet of snippets) {
    const file = path.join(home, fileOf(snippet));
    files.set(file, snippet);
    mkdirSync(path.dirname(file), { recursive: true });
    // one that imports nothing is a module all the same
    writeFileSync(file, `${snippet.code}\nexport {};\n`);
  }
  const prelude = path.join(home, 'prelude.d.ts');
  writeFileSync(prelude, PRELUDE);
  const program = ts.createProgram([...files.keys(), prelude], {
    ...compilerOptions(),
    outDir: out,
    paths: { 'nestjs-pgqueue': [path.join(ROOT, 'lib/index.ts')] },
  });
  const diagnostics = ts.getPreEmitDiagnostics(program);
  const inSnippet = (diagnostic: ts.Diagnostic): Snippet | undefined =>
    diagnostic.file && files.get(path.resolve(diagnostic.file.fileName));
  return {
    problemsOf: (snippet) =>
      diagnostics.filter((one) => inSnippet(one) === snippet).map((one) => problem(one, snippet)),
    others: diagnostics.filter((one) => inSnippet(one) === undefined).map(describe),
    compiled: (document, file) =>
      path.join(out, path.relative(ROOT, home), directoryOf(document), 'files', file.replace(/\.ts$/, '.js')),
    library: path.join(out, 'lib/index.js'),
    emit: () => {
      program.emit();
      writeFileSync(
        path.join(out, 'package.json'),
        JSON.stringify({ name: 'nestjs-pgqueue', type: 'module', exports: './lib/index.js' }),
      );
    },
  };
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, ROOT);
  return { ...options, rootDir: ROOT, declaration: false, noUnusedLocals: false, noUnusedParameters: false };
}

function fileOf(snippet: Snippet): string {
  const [, name] = /^\/\/ (\S+\.ts)\n/.exec(snippet.code) ?? [];
  const directory = directoryOf(snippet.document);
  return name === undefined
    ? path.join(directory, `line-${snippet.line}`, 'snippet.ts')
    : path.join(directory, 'files', name);
}

function directoryOf(document: string): string {
  return document.replace(/\.md$/, '').replaceAll('/', '-');
}

function problem(diagnostic: ts.Diagnostic, { document, line }: Snippet): Problem {
  const at = diagnostic.file!.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line;
  return { document, line: line + at, message: describe(diagnostic) };
}

function describe({ messageText, file }: ts.Diagnostic): string {
  const where = file === undefined ? '' : `${path.relative(ROOT, file.fileName)}: `;
  return where + ts.flattenDiagnosticMessageText(messageText, '\n');
}
