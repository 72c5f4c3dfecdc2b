import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { root, npm } from './npm.mjs';

const run = promisify(execFile);
const FIXTURES = path.join(import.meta.dirname, 'fixtures');

/** As `nest new` writes it, but strict. */
const COMPILER = {
  target: 'ES2023',
  lib: ['ES2023'],
  types: ['node'],
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  useDefineForClassFields: false,
  esModuleInterop: true,
};

/** How application.ts is compiled: by the name under which that is reported, and as which kind of package. */
const KINDS = {
  ESM: { type: 'module', compiler: { module: 'NodeNext', skipLibCheck: true } },
  // once, since it takes three times as long: with the declarations checked, of this package and of all others
  CommonJS: { type: 'commonjs', compiler: { module: 'NodeNext', skipLibCheck: false } },
  // which does not know a package's `exports`
  'older CommonJS': {
    type: 'commonjs',
    compiler: { module: 'CommonJS', moduleResolution: 'node10', ignoreDeprecations: '6.0', skipLibCheck: true },
  },
};

/**
 * A directory with the packed package beside one version of Nest, and what is run there.
 *
 * - It lies outside of the checkout, whose node_modules would make up for what the package lacks.
 * - It has the peers that are not optional, and the types that an application has.
 */
export async function installConsumer(home, nest, tarball) {
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, 'package.json'), '{ "private": true }');
  const { devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const peers = [`@nestjs/common@${nest}`, `@nestjs/core@${nest}`, 'pg@8', 'reflect-metadata@0.2', 'rxjs@7'];
  const types = ['@types/node', '@types/pg'].map((name) => `${name}@${devDependencies[name]}`);
  await npm(['install', '--no-audit', '--no-fund', '--prefer-offline', tarball, ...peers, ...types], home);
  const { version } = JSON.parse(readFileSync(path.join(home, 'node_modules/@nestjs/core/package.json'), 'utf8'));
  const programs = ['refusal.cjs', 'refusal.mjs', 'enhancers.mjs'].map((file) => {
    copyFileSync(path.join(FIXTURES, file), path.join(home, file));
    return { name: file, file: path.join(home, file), onDatabase: false };
  });
  for (const [name, kind] of Object.entries(KINDS)) {
    const directory = path.join(home, name.replaceAll(' ', '-').toLowerCase());
    programs.push({ name: `${name} application`, file: await compile(directory, kind), onDatabase: true });
  }
  return { nest: version, programs };
}

async function compile(directory, { type, compiler }) {
  mkdirSync(directory);
  copyFileSync(path.join(FIXTURES, 'application.ts'), path.join(directory, 'application.ts'));
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ private: true, type }));
  const config = { compilerOptions: { ...COMPILER, ...compiler }, files: ['application.ts'] };
  writeFileSync(path.join(directory, 'tsconfig.json'), JSON.stringify(config));
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', directory]).catch(({ stdout, stderr }) => {
    throw new Error(`application.ts does not compile in ${directory}:\n${stdout}${stderr}`);
  });
  return path.join(directory, 'application.js');
}
