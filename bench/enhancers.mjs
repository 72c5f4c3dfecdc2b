// npm run bench:enhancers: what stands before a handler, in this process and without a database: nanoseconds a call.
import 'reflect-metadata';
import { Module, Scope, UseGuards, UseInterceptors } from '@nestjs/common';
import { DiscoveryModule, NestFactory } from '@nestjs/core';
import { HandlerBinder } from '../dist/discovery/handler-binder.js';
import { ProcessorExplorer } from '../dist/discovery/processor.explorer.js';
import { JobData, Process, Processor } from '../dist/index.js';
import { DATABASE, OPENED_DATABASE, PG_QUEUE_OPTIONS } from '../dist/utils/tokens.js';
import { machine } from './lib/about.mjs';

const ROUNDS = 9;
const guard = { canActivate: () => true };
const interceptor = { intercept: (_context, next) => next.handle() };

/** A class with one handler that does nothing. */
function processor(name, scope, decorate) {
  class Handlers {
    handle() {}
  }
  const { prototype } = Handlers;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, 'handle');
  decorate?.(prototype, descriptor);
  Process()(prototype, 'handle', descriptor);
  Processor({ name, scope })(Handlers);
  return Handlers;
}

const on = (decorator) => (prototype, descriptor) => decorator(prototype, 'handle', descriptor);
const all = (prototype, descriptor) => {
  for (const decorator of [UseGuards(guard), UseInterceptors(interceptor)]) decorator(prototype, 'handle', descriptor);
  JobData()(prototype, 'handle', 0);
};
const cases = {
  'with nothing before it': [5_000_000, processor('none', Scope.DEFAULT)],
  'behind a guard': [100_000, processor('guard', Scope.DEFAULT, on(UseGuards(guard)))],
  'in an interceptor': [20_000, processor('interceptor', Scope.DEFAULT, on(UseInterceptors(interceptor)))],
  'with @JobData()': [50_000, processor('data', Scope.DEFAULT, (prototype) => JobData()(prototype, 'handle', 0))],
  'with all three': [20_000, processor('all', Scope.DEFAULT, all)],
  'request-scoped': [5_000, processor('scoped', Scope.REQUEST)],
  'request-scoped, with all three': [2_000, processor('scoped-all', Scope.REQUEST, all)],
};

class App {}
Module({
  imports: [DiscoveryModule],
  providers: [
    ...Object.values(cases).map(([, type]) => type),
    HandlerBinder,
    ProcessorExplorer,
    { provide: DATABASE, useValue: { name: undefined } },
    { provide: OPENED_DATABASE, useValue: { name: undefined } },
    { provide: PG_QUEUE_OPTIONS, useValue: { worker: {}, processors: {}, inheritAppConfig: false } },
  ],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: false });
const handlers = app
  .get(ProcessorExplorer)
  .explore()
  .map(({ catchAll }) => catchAll);

/** The least that calls a method which is known by its name. */
function closure(target, method) {
  return { run: (job) => target[method](job) };
}
const [[, Plain]] = Object.values(cases);

/** Nanoseconds of a call, awaited as the worker does: only what is a promise. */
async function measure({ run }, calls, isScoped) {
  let job = { data: 1 };
  const begun = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) {
    // a context hangs on its job
    if (isScoped) job = { data: 1 };
    const returned = run(job);
    if (returned !== undefined) await returned;
  }
  return Number(process.hrtime.bigint() - begun) / calls;
}

const runs = [
  { what: 'a closure that calls the method', handler: closure(app.get(Plain), 'handle'), calls: 5_000_000 },
  ...Object.entries(cases).map(([what, [calls]], i) => ({ what, handler: handlers[i], calls })),
];
const figures = runs.map(() => []);
// interleaved, there and back, the first rounds to warm up
for (let round = -1; round <= ROUNDS; round++) {
  const order = [...runs.entries()];
  for (const [i, { what, handler, calls }] of round % 2 === 0 ? order : order.toReversed()) {
    const figure = await measure(handler, calls, what.startsWith('request-scoped'));
    if (round > 0) figures[i].push(figure);
  }
}
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
console.log(
  `${machine()}; Node ${process.version}; ${new Date().toISOString().slice(0, 10)}; medians of ${ROUNDS} rounds\n`,
);
console.log('| A call of a handler that does nothing | ns | × |\n| --- | ---: | ---: |');
for (const [i, { what }] of runs.entries()) {
  const [own, first] = [median(figures[i]), median(figures[0])];
  console.log(
    `| ${what} | ${own < 100 ? own.toFixed(1) : Math.round(own).toLocaleString('en')} | ${(own / first).toFixed(2)} |`,
  );
}
await app.close();
