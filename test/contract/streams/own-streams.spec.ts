import { testDatabase } from '../../support/database.js';
import { ownStreams } from './own-streams.js';
import { streamClientContract } from './stream-client.contract.js';

streamClientContract('the module’s own streams', ownStreams(testDatabase({ migrated: true })));
