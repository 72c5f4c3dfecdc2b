import { describe } from 'vitest';
import { hasPgque } from '../../pgque/shim/install-pgque.js';
import { pgqueDatabase } from '../../pgque/shim/pgque-database.js';
import { pgqueStreams } from './pgque-streams.js';
import { streamClientContract } from './stream-client.contract.js';

describe.skipIf(!hasPgque)('with PgQ’s SQL', () => {
  streamClientContract('PgQue (a stand-in over PgQ)', pgqueStreams(pgqueDatabase()));
});
