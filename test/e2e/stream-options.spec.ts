import { expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { startApplication } from '../support/application.js';

const database = testDatabase({ migrated: true });

async function settings(stream: string): Promise<object | undefined> {
  const { rows } = await database.client.query(
    `select settings from ${database.schema}.queue where name = chr(31) || $1 and kind = 's'`,
    [stream],
  );
  return rows[0]?.settings;
}

it('a stream’s options are stored with it by whoever starts and says them; what is not said stays', async () => {
  const first = { orders: { retention: '7d', behind: { dropAfter: '30d' } }, users: {} } as const;
  await (await startApplication(database, { options: { streams: first, processing: false } })).close();
  expect(await settings('orders')).toEqual({ retention: 604_800_000, behind: { dropAfter: 2_592_000_000 } });
  expect(await settings('users')).toEqual({});
  await (await startApplication(database, { options: { streams: { orders: { behind: 'keep' } } } })).close();
  expect(await settings('orders')).toEqual({ retention: 604_800_000, behind: 'keep' });
  await (await startApplication(database, {})).close();
  expect(await settings('orders')).toEqual({ retention: 604_800_000, behind: 'keep' });
});
