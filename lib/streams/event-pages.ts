import type { EventPage, EventRecord, ReadRequest, StreamEngine } from '../engine/stream-engine.interface.js';
import { isOutage } from '../errors/database-unavailable.error.js';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import type { Log } from '../utils/log.js';
import { pause, retryPause } from '../utils/pause.js';
import { MAX_BYTES, type TailRequest } from './stream-arguments.js';

/** Events that are read at once: as many are in memory. */
const PAGE = 500;
/** How soon it looks again when it hears of nothing: ms. */
const POLL = 1_000;

export interface PageSource {
  readonly engine: StreamEngine;
  readonly log: Log;
}

/**
 * A stream's events, on and on, page by page: the next one is read when it is asked for, and waited for when there is none.
 *
 * - Woken by what this process publishes or hears of; otherwise it looks once a second.
 * - A fault of the database is tried over, with growing pauses: it is said, and never ends it.
 * - Ends when the signal aborts, at once while it waits; and leaves no timer then.
 */
export async function* eventPages(
  { engine, log }: PageSource,
  stream: string,
  { from, types }: TailRequest,
  ending: AbortSignal,
): AsyncGenerator<readonly EventRecord[], void, undefined> {
  let news = new AbortController();
  const wake = (): void => news.abort();
  const deafen = engine.onPublished(stream, wake);
  ending.addEventListener('abort', wake);
  try {
    let after = from;
    while (!ending.aborted) {
      // before it reads: what is published meanwhile is news
      news = new AbortController();
      const request = { from: after, limit: PAGE, maxBytes: MAX_BYTES, types };
      const page = await readPatiently({ engine, log }, stream, request, ending);
      if (page === undefined) return;
      after = { cursor: page.cursor };
      if (page.events.length > 0) yield page.events;
      if (!page.more) await pause(POLL, news.signal);
    }
  } finally {
    deafen();
    ending.removeEventListener('abort', wake);
  }
}

/** Undefined: the signal has aborted. */
async function readPatiently(
  { engine, log }: PageSource,
  stream: string,
  request: ReadRequest,
  ending: AbortSignal,
): Promise<EventPage | undefined> {
  let said = false;
  for (let tries = 0; !ending.aborted; tries++) {
    try {
      return await engine.read(stream, request);
    } catch (error) {
      // its cursor: no other try would do
      if (error instanceof InvalidOptionsError) throw error;
      // an outage is said by the connection, once for all who wait
      if (!said && !isOutage(error)) {
        said = true;
        log.warn(`Stream '${stream}' cannot be read, trying on: ${String(error)}`);
      }
      await pause(retryPause(tries), ending);
    }
  }
  return undefined;
}
