import { describe, expect, it } from 'vitest';
import { hasPgque } from './shim/install-pgque.js';
import { payloadsOf, pgqueDatabase } from './shim/pgque-database.js';

const database = pgqueDatabase();
const pgque = () => database.main;

describe.skipIf(!hasPgque)("PgQue shim on Debian's PgQ (pgq_pl_only.sql): sending", () => {
  it("R45: send() returns the event's id, and types it 'default'", async () => {
    const queue = await pgque().queue();
    const id = await pgque().call('send', queue, 'x');
    expect(await pgque().call('send', queue, 'order.created', 'y')).not.toBe(id);
    await pgque().tick(queue);
    expect(await pgque().receive(queue)).toMatchObject([
      { msg_id: id, type: 'default', payload: 'x', retry_count: null, created_at: expect.any(Date), extra1: null },
      { type: 'order.created', payload: 'y' },
    ]);
  });

  it('R45: text is stored as it is, jsonb in its canonical form, and an untyped literal is text', async () => {
    const queue = await pgque().queue();
    for (const payload of [`'{"b":1, "a":2}'`, `'{"b":1, "a":2}'::text`, `'{"b":1, "a":2}'::jsonb`]) {
      await pgque().rows(`select pgque.send($1, ${payload}), pgque.send($1, 'type', ${payload})`, [queue]);
    }
    await pgque().tick(queue);
    const [text, json] = ['{"b":1, "a":2}', '{"a": 2, "b": 1}'];
    expect(payloadsOf(await pgque().receive(queue))).toEqual([text, text, text, text, json, json]);
  });

  it('R45: a type and a payload may be NULL or empty, and arrive so', async () => {
    const queue = await pgque().queue();
    await pgque().call('send', queue, null, null);
    await pgque().call('send', queue, '', '');
    await pgque().rows(`select pgque.send($1, 'json null', 'null'::jsonb), pgque.send($1, null::jsonb)`, [queue]);
    await pgque().tick(queue);
    const received = (await pgque().receive(queue)).map(({ type, payload }) => [type, payload]);
    expect(received).toEqual([
      [null, null],
      ['', ''],
      ['json null', 'null'],
      ['default', null],
    ]);
  });

  it('R45: a payload arrives as it was, with any characters and with 5 MB', async () => {
    const queue = await pgque().queue();
    const payloads = ['ä€𝄞 "quoted" \\ \n\t\u0001', 'x'.repeat(5 * 1024 * 1024)];
    await pgque().send(queue, ...payloads);
    await pgque().tick(queue);
    expect(payloadsOf(await pgque().receive(queue))).toEqual(payloads);
  });

  it('R45: send_batch() returns ids in the order of its payloads, NULL ones too', async () => {
    const queue = await pgque().queue();
    const ids = await pgque().value<string[]>(
      `select pgque.send_batch($1, 'type', array['c', null, 'a'])
          || pgque.send_batch($1, array['d'])
          || pgque.send_batch($1, 'type', array['{"b":1, "a":2}', null]::jsonb[])
          || pgque.send_batch($1, array['"e"']::jsonb[])`,
      [queue],
    );
    await pgque().tick(queue);
    const byId = new Map((await pgque().receive(queue)).map((message) => [message.msg_id, message]));
    const sent = ids.map((id) => byId.get(id)!);
    expect(byId.size).toBe(7);
    expect(payloadsOf(sent)).toEqual(['c', null, 'a', 'd', '{"a": 2, "b": 1}', null, '"e"']);
    expect(sent.map(({ type }) => type)).toEqual(['type', 'type', 'type', 'default', 'type', 'type', 'default']);
  });

  it('R45: send_batch() refuses a NULL array, and does not look its queue up for an empty one', async () => {
    const queue = await pgque().queue();
    for (const type of ['text[]', 'jsonb[]']) {
      expect(await pgque().value(`select pgque.send_batch('no such queue', 'type', '{}'::${type})`)).toEqual([]);
      await expect(pgque().rows(`select pgque.send_batch($1, null::${type})`, [queue])).rejects.toThrow(
        'payloads must not be null',
      );
    }
    await expect(pgque().rows(`select pgque.send_batch('none', array['x'])`)).rejects.toThrow('queue not found: none');
  });

  it('R45: a queue that there is not, and one that takes no events, are refused', async () => {
    await expect(pgque().call('send', 'none', 'x')).rejects.toThrow('queue not found: none');
    await expect(pgque().call('send', null, 'x')).rejects.toThrow('queue not found');
    const queue = await pgque().queue();
    await pgque().rows('update pgque.queue set queue_disable_insert = true where queue_name = $1', [queue]);
    await expect(pgque().call('send', queue, 'x')).rejects.toThrow('Insert into queue disallowed');
    await expect(pgque().rows(`select pgque.send_batch($1, array['x'])`, [queue])).rejects.toThrow(
      'Insert into queue disallowed',
    );
  });

  it('R45: insert_event() takes four more texts along', async () => {
    const queue = await pgque().queue();
    await pgque().call('insert_event', queue, 'type', 'data', '1', '2', null, '4');
    await pgque().tick(queue);
    expect(await pgque().receive(queue)).toMatchObject([
      { type: 'type', payload: 'data', extra1: '1', extra2: '2', extra3: null, extra4: '4' },
    ]);
  });
});
