// Installs the packed package beside Nest 11 as an application would, and loads it from CommonJS and from ESM: the module
// comes up without a database and the refusal of missing options says what to do; and what it takes from the inside of Nest
// is there, so that a handler is called through a guard, an interceptor, a pipe and a filter, in a context of its own.
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
const enhancers = `import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Module, ParseIntPipe, Scope, UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { map } from 'rxjs';
import { CurrentJob, isPgQueueContext, JobData, Process, Processor } from 'nestjs-pgqueue';
import { HandlerBinder } from './node_modules/nestjs-pgqueue/dist/discovery/handler-binder.js';
import { ProcessorExplorer } from './node_modules/nestjs-pgqueue/dist/discovery/processor.explorer.js';
import { PG_QUEUE_OPTIONS } from './node_modules/nestjs-pgqueue/dist/utils/tokens.js';
class Guard { canActivate(context) { return isPgQueueContext(context) && context.getArgByIndex(0).data.n !== '0'; } }
class Twice { intercept(_context, next) { return next.handle().pipe(map((n) => n * 2)); } }
class Caught { catch({ message }) { return 'caught ' + message; } }
class Handlers { handle(n, job) { return n + job.data.plus; } }
const of = [Handlers.prototype, 'handle', Object.getOwnPropertyDescriptor(Handlers.prototype, 'handle')];
for (const decorate of [Process(), UseGuards(Guard), UseInterceptors(Twice), UseFilters(Caught)]) decorate(...of);
JobData('n', ParseIntPipe)(Handlers.prototype, 'handle', 0);
CurrentJob()(Handlers.prototype, 'handle', 1);
Processor({ name: 'numbers', scope: Scope.REQUEST })(Handlers);
class App {}
const options = { provide: PG_QUEUE_OPTIONS, useValue: { worker: {}, processors: {}, inheritAppConfig: false } };
Module({ imports: [DiscoveryModule], providers: [Handlers, HandlerBinder, ProcessorExplorer, options] })(App);
const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
const [{ catchAll }] = app.get(ProcessorExplorer).explore();
const results = [];
for (const n of ['20', '0', 'x']) results.push(await catchAll.run({ data: { n, plus: 1 } }));
const refused = 'caught Validation failed (numeric string is expected)';
assert.deepEqual(results, [42, 'caught Forbidden resource', refused]);
await app.close();
console.log('nest-11-enhancers.mjs: ok');
`;
for (const [file, text] of [
  ['nest-11.cjs', cjs + body],
  ['nest-11.mjs', esm + body],
  ['nest-11-enhancers.mjs', enhancers],
]) {
  writeFileSync(path.join(home, file), text);
  process.stdout.write(execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' }));
}
