import { afterAll, beforeAll, describe } from 'vitest';
import { batchesContract } from '../contract/streams/batches.contract.js';
import { ownStreams } from '../contract/streams/own-streams.js';
import { deadLettersContract } from '../contract/streams/dead-letters.contract.js';
import type { Driver } from '../contract/streams/driver.js';
import { retriesContract } from '../contract/streams/retries.contract.js';
import { subscriptionsContract } from '../contract/streams/subscriptions.contract.js';
import { testDatabase } from '../support/database.js';
import { hasPgBouncer, type PgBouncer, startPgBouncer } from '../support/pgbouncer.js';

/** What depends on how its statements reach the server. */
function contract(driver: Driver): void {
  batchesContract(driver);
  retriesContract(driver);
  deadLettersContract(driver);
  subscriptionsContract(driver);
}

describe('StreamClient where transactions are stricter by default', () => {
  const database = testDatabase({ migrated: true });
  const strict = new URLSearchParams({
    options: '-c default_transaction_isolation=serializable -c default_transaction_read_only=on',
  });
  contract(ownStreams(database, () => ({ connection: `${database.url}?${strict.toString()}` })));
});

describe.skipIf(!hasPgBouncer)('StreamClient through PgBouncer with pool_mode=transaction (needs pgbouncer)', () => {
  const database = testDatabase({ migrated: true });
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await startPgBouncer(database.url, { poolMode: 'transaction', poolSize: 3 });
  });
  afterAll(async () => bouncer?.stop());
  contract(ownStreams(database, () => ({ connection: bouncer.url })));
});
