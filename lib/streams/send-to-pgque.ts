import type { PgqueEngine } from '../engine/pgque-engine.interface.js';
import type { DataLimits } from '../utils/json-inspection.js';
import { toExecutor } from '../transactions/to-executor.js';
import { createEventDraft } from './event-draft.js';
import { checkPublishOptions, checkStream } from './stream-arguments.js';
import type { StreamClientContext } from './stream-client.js';

/** Sends an event to a queue of PgQue, which is checked as what is published to a stream of the module's own is. */
export function sendToPgque(engine: Pick<PgqueEngine, 'send'>, limits: DataLimits): StreamClientContext['publish'] {
  return async (stream, event, options) => {
    const queue = checkStream(stream);
    const { tx } = checkPublishOptions(options);
    const executor = tx === undefined ? undefined : toExecutor(tx);
    const [id] = await engine.send(queue, [createEventDraft(event, limits)], executor);
    return id!;
  };
}
