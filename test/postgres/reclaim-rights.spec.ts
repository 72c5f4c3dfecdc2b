import { expect, it } from 'vitest';
import { testEngine } from '../support/engine.js';

const engine = testEngine();

it('a segment that the role may not truncate is left alone before anything is copied, and not asked for again at once', async () => {
  const role = `${engine.s.replaceAll('"', '')}_plain`;
  const { s } = engine;
  const queue = await engine.queue();
  await engine.main.add(queue, {}, {});
  await engine.switchRing('entry', 1);
  await engine.rows(`insert into ${s}.segment (ring, segment) values ('entry', 0) on conflict do nothing`);
  await engine.rows(`create role ${role}`);
  await engine.rows(`grant usage on schema ${s} to ${role}`);
  await engine.rows(`grant select, insert, update, delete on all tables in schema ${s} to ${role}`);
  await engine.rows(`grant select, update on all sequences in schema ${s} to ${role}`);
  const plain = await engine.session();
  await plain.client.query(`set role ${role}`);
  await expect(plain.upkeep.reclaim('entry', 0)).rejects.toMatchObject({
    code: '42501',
    hint: expect.stringContaining('TRUNCATE'),
  });
  await engine.switchRing('entry', 0);
  expect(await engine.rows(`select from ${s}.entry_1 where queue_id > 0`)).toEqual([]);
  const [{ later }] = await engine.rows(
    `select look_at > clock_timestamp() + interval '30 seconds' as later from ${s}.segment where ring = 'entry' and segment = 0`,
  );
  expect(later).toBe(true);
  await plain.client.query('reset role');
  await engine.rows(`drop owned by ${role}; drop role ${role}`);
});
