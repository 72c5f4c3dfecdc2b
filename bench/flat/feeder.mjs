// The producer, in a process of its own: adds jobs at a rate, or as fast as it can while few enough wait.
import { startApplication } from '../floors/application.mjs';
import { payload, sleep } from '../lib/measure.mjs';
import { kind } from './ledger.mjs';

/** A unique key is used again after so many others: long enough for its job to have ended, mostly. */
const KEYS = 20_000;
const MOST = 2_500;
/** Jobs with keys are added in small numbers: each key is taken by a statement of its own, and held to its end. */
const KEYED = 25;

const [, , url, schema] = process.argv;
const app = await startApplication({ url, schema, queue: 'flat' });
let next = 0;
let done = 0;
let feeding = { goesOn: false };

/** Jobs of a statement with one set of options share them: each set costs a statement of its own. */
function job(n) {
  const made = { name: 'work', data: payload(n) };
  switch (kind(n)) {
    case 'delayed':
      return { ...made, opts: { delay: 250 + 250 * (Math.floor(n / 1_000) % 6) } };
    case 'retried':
      return { ...made, opts: { backoff: 300 } };
    case 'keyed':
      return { ...made, opts: { uniqueKey: `key ${Math.floor(n / 10) % KEYS}` } };
    default:
      return made;
  }
}

async function add(count) {
  const from = next;
  next += count;
  process.send({ from, count, refused: [] });
  const numbers = Array.from({ length: count }, (_, i) => from + i);
  await app.queue.addBulk(numbers.filter((n) => kind(n) !== 'keyed').map(job));
  const keyed = numbers.filter((n) => kind(n) === 'keyed');
  const refused = [];
  for (let i = 0; i < keyed.length; i += KEYED) {
    const some = keyed.slice(i, i + KEYED);
    const jobs = await app.queue.addBulk(some.map(job));
    refused.push(...some.filter((_, j) => jobs[j].deduplicated));
  }
  process.send({ from, count, refused });
}

/** `rate` in jobs/s; null: as many as are done. At most `ahead` wait. Two statements at a time. */
async function feed({ rate, ahead }) {
  const mine = (feeding = { goesOn: true });
  const begun = performance.now();
  const from = next;
  const adding = new Set();
  while (mine.goesOn) {
    const owed = rate === null ? Infinity : Math.floor(rate * ((performance.now() - begun) / 1_000)) - (next - from);
    const count = Math.min(owed, Math.floor(ahead) - (next - done), MOST);
    if (count >= 100 && adding.size < 2) {
      const one = add(count).finally(() => adding.delete(one));
      adding.add(one);
    }
    await (adding.size < 2 ? sleep(10) : Promise.race(adding));
  }
  await Promise.all(adding);
}

// one thing after the other
let work = Promise.resolve();
const then = (more) => {
  feeding.goesOn = false;
  work = work.then(more);
};

process.on('message', (message) => {
  if ('done' in message) done = message.done;
  if ('fill' in message) {
    then(async () => {
      for (let left = message.fill; left > 0; left -= MOST) await add(Math.min(left, MOST));
      process.send({ filled: true });
    });
  }
  if ('feed' in message) then(async () => feed(message.feed));
  if ('stop' in message) {
    then(async () => {
      process.send({ stopped: next });
      await app.close();
      process.disconnect();
    });
  }
});
process.send({ ready: true });
