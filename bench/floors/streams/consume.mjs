import { median, payload, sleep, walPosition } from '../../lib/measure.mjs';
import { connect, settle } from '../../lib/postgres.mjs';
import { startStreamApplication } from './application.mjs';
import { batchLoop } from './floor.mjs';

const PAGE = 5_000;
const STREAM = 'bench';
const GROUPS = 4;

/**
 * S3: events that were published before are drained by @OnStreamBatch() consumers of 1 and of 4 groups, and one by one;
 * beside it take_batch() and finish() in a loop by a bare client. No group may miss one or see it twice.
 *
 * Each is measured `rounds` times, by turns and in the opposite order; its own groups are new each time. `sizes`: events of a
 * batch. One by one only with the default, 100.
 */
export async function consume({ url, schema, events, rounds, sizes }) {
  const client = await connect(url);
  await settle(client);
  const walOfPublishing = await publishAll({ url, schema, events, client });
  // what is read first sets hints: not at the expense of whoever comes first
  await client.query(`select count(payload) from ${schema}.event`);
  const works = sizes.flatMap((maxMessages) => [
    [`loop${maxMessages}`, (round) => loop({ url, schema, events, round, batch: maxMessages })],
    [
      `one${maxMessages}`,
      (round) => drain({ url, schema, events, client, groups: names(1, maxMessages, round), maxMessages }),
    ],
    [
      `four${maxMessages}`,
      (round) => drain({ url, schema, events, client, groups: names(GROUPS, maxMessages, round), maxMessages }),
    ],
  ]);
  if (sizes.includes(100)) {
    works.push([
      'single',
      (round) => drain({ url, schema, events, client, groups: [`single ${round}`], isSingle: true, maxMessages: 100 }),
    ]);
  }
  const all = Object.fromEntries(works.map(([name]) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of round % 2 === 0 ? works : works.toReversed()) all[name].push(await work(round));
  }
  await client.end();
  const read = (name, figure) => median(all[name].map((one) => one[figure]));
  const walPerEvent = { published: walOfPublishing / events };
  const rates = Object.fromEntries(works.map(([name]) => [name, read(name, 'rate')]));
  for (const size of sizes) {
    const [one, four] = [read(`one${size}`, 'wal'), read(`four${size}`, 'wal')];
    walPerEvent[`group${size}`] = (four - one) / (GROUPS - 1) / events;
    walPerEvent[`first${size}`] = one / events;
  }
  return { ...rates, walPerEvent };
}

const names = (count, size, round) => Array.from({ length: count }, (_, i) => `${count} of ${size}, ${round}: ${i}`);

async function publishAll({ url, schema, events, client }) {
  const app = await startStreamApplication({ url, schema });
  const before = await walPosition(client);
  for (let n = 0; n < events; n += PAGE) {
    const page = Array.from({ length: Math.min(PAGE, events - n) }, (_, i) => payload(n + i));
    await app.streams.publishBulk(
      STREAM,
      page.map((data) => ({ type: 'noop', data })),
    );
  }
  const wal = (await walPosition(client)) - before;
  await app.close();
  return wal;
}

async function loop({ url, schema, events, round, batch }) {
  const done = await batchLoop({ url, schema, stream: STREAM, group: `loop of ${batch}, ${round}`, batch });
  if (done.events !== events) throw new Error(`the loop saw ${done.events} of ${events} events`);
  return { rate: (events / done.ms) * 1_000 };
}

/** Batches whose end is written. */
async function ended(client, schema, groups) {
  const { rows } = await client.query(
    `select count(*)::int as n from ${schema}.queue q join ${schema}.result r on r.queue_id = q.queue_id
      where q.name = any(select $1 || chr(31) || g from unnest($2::text[]) g)`,
    [STREAM, groups],
  );
  return rows[0].n;
}

/** Deliveries per second: of all groups together. */
async function drain({ url, schema, events, client, groups, maxMessages, isSingle = false }) {
  let left = events * groups.length;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  const ledgers = groups.map(() => new Uint8Array(events));
  const consumers = groups.map((group, i) => {
    const take = ({ id }) => {
      // ids of one publisher follow each other
      ledgers[i][Number(id) % events]++;
      if (--left === 0) done();
    };
    const options = { group, startFrom: 'start', maxMessages };
    return { stream: STREAM, options, ...(isSingle ? { onEvent: take } : { onBatch: (batch) => batch.forEach(take) }) };
  });
  const app = await startStreamApplication({ url, schema, consumers });
  const before = await walPosition(client);
  const begun = performance.now();
  await app.start();
  await all;
  while ((await ended(client, schema, groups)) < Math.ceil(events / maxMessages) * groups.length) await sleep(1);
  const ms = performance.now() - begun;
  await app.close();
  const wal = (await walPosition(client)) - before;
  if (ledgers.some((ledger) => ledger.some((times) => times !== 1))) throw new Error('an event was lost or came twice');
  return { rate: ((events * groups.length) / ms) * 1_000, wal };
}
