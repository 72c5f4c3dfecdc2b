// Installs the packed package beside Nest 11 as an application would, and loads it from CommonJS and from ESM: the module
// comes up without a database and the refusal of missing options says what to do.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const home = path.resolve('.build/consumer');
const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8', shell: process.platform === 'win32' });

rmSync(home, { recursive: true, force: true });
mkdirSync(home, { recursive: true });
const [{ filename }] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', home], '.'));
writeFileSync(path.join(home, 'package.json'), '{ "private": true }');
const nest = ['@nestjs/common@11', '@nestjs/core@11', 'pg@8', 'reflect-metadata@0.2', 'rxjs@7'];
npm(['install', '--no-audit', '--no-fund', `./${filename}`, ...nest], home);

const body = `
class Processor_ { hello() {} }
Process('hello')(Processor_.prototype, 'hello', Object.getOwnPropertyDescriptor(Processor_.prototype, 'hello'));
Processor('greetings')(Processor_);
class App {}
Module({ imports: [PgQueueModule.forRoot({ logger: false })], providers: [Processor_] })(App);
for (const name of Object.keys(process.env)) if (name.startsWith('PG') || name === 'DATABASE_URL') delete process.env[name];
NestFactory.createApplicationContext(App, { logger: false, abortOnError: false }).then(
  () => { throw new Error('started without a database'); },
  (error) => {
    if (!(error instanceof InvalidOptionsError) || !error.message.includes('DATABASE_URL')) throw error;
    console.log(process.argv[1].split(/[\\\\/]/).pop() + ': ok');
  },
);
`;
const names = '{ InvalidOptionsError, PgQueueModule, Process, Processor }';
const cjs = `require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const ${names} = require('nestjs-pgqueue');
`;
const esm = `import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import ${names} from 'nestjs-pgqueue';
`;
for (const [file, head] of [
  ['nest-11.cjs', cjs],
  ['nest-11.mjs', esm],
]) {
  writeFileSync(path.join(home, file), head + body);
  process.stdout.write(execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' }));
}
