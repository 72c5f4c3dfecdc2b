import { UnknownGroupError } from '../../errors/unknown-group.error.js';
import { UnknownStreamError } from '../../errors/unknown-stream.error.js';
import { sqlState } from '../postgres/connection-faults.js';
import { serverError } from '../../utils/server-error.js';

/** How often something that others do at the same moment is tried: each of them can be in the way once. */
const TRIES = 10;

const NO_QUEUE = /queue not found|No such event queue|Event queue not created yet|No such queue/i;
const NO_GROUP = /Not subscriber to queue/i;
/** PgQue raises all of its errors under one code: by their words they are told apart. */
const RAISED = 'P0001';

const MAX_BIGINT = 2n ** 63n - 1n;

/** What PgQue's words mean, as an error of this package's; also of a statement on a caller's transaction. */
export function explain(error: unknown, queue: string, consumer?: string): unknown {
  const said = serverError(error);
  if (said?.code !== RAISED) return error;
  const { message } = said;
  if (NO_QUEUE.test(message)) {
    return new UnknownStreamError(
      `PgQue has no queue '${queue}': create it, select pgque.create_queue('${queue.replaceAll("'", "''")}'), or say forRoot({ pgque: { createQueues: true } })`,
      { cause: error },
    );
  }
  if (NO_GROUP.test(message) && consumer !== undefined) {
    return new UnknownGroupError(`Queue '${queue}' of PgQue has no consumer '${consumer}': subscribe it first`, {
      cause: error,
    });
  }
  return error;
}

export function isUnknownBatch(error: unknown): boolean {
  return isRaised(error, /batch not found/i);
}

export function isRaised(error: unknown, words: RegExp): boolean {
  return sqlState(error) === RAISED && words.test((error as Error).message);
}

/** A number of PgQue's; undefined for a text that is none, which would fail in SQL. */
export function readId(text: string): bigint | undefined {
  if (!/^\d{1,19}$/.test(text)) return undefined;
  const id = BigInt(text);
  return id <= MAX_BIGINT ? id : undefined;
}

/** PgQue looks, and then inserts: of two who make the same at once one fails, and finds it made when it tries again. */
export async function despiteRaces<T>(work: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      return await work();
    } catch (error) {
      if (left <= 1 || sqlState(error) !== '23505') throw error;
    }
  }
}
