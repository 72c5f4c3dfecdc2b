import { Observable, type Subscriber } from 'rxjs';
import type { StreamEvent } from '../interfaces/stream-event.interface.js';

type Pages<Data> = AsyncIterable<readonly StreamEvent<Data>[]>;
/** Begins to read; what it reads ends when the controller aborts. */
export type OpenPages<Data> = (ending: AbortController) => Pages<Data>;

/**
 * A live tail of a stream: what `observe()` returns. It reads nothing until somebody subscribes or iterates, and each who
 * does reads for himself, one page of 500 events at a time.
 *
 * - As an Observable: the next page is read when the subscriber's `next` has returned for each event of the last one. rxjs has
 *   no other way to hold back a source, so what works asynchronously (`concatMap()`, `mergeMap()`) queues what comes meanwhile,
 *   without a bound. For consumers that are done when they return: `filter()`, `map()`, `@Sse()`.
 * - `for await (const event of tail)` holds it back: the next event is taken when the loop's body has ended, however long it
 *   takes, and so the next page is read. For consumers that work for each event.
 * - `unsubscribe()`, or leaving the loop, stops it at once. It ends by itself (completes) when the module is destroyed.
 */
export class StreamTail<Data = any> extends Observable<StreamEvent<Data>> implements AsyncIterable<StreamEvent<Data>> {
  readonly #open: OpenPages<Data>;

  /** @internal */
  constructor(open: OpenPages<Data>) {
    super((subscriber) => {
      const ending = new AbortController();
      void push(open, ending, subscriber);
      return () => ending.abort();
    });
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamEvent<Data>, void, undefined> {
    const ending = new AbortController();
    const events = oneByOne(this.#open(ending), ending.signal);
    return {
      next: async () => events.next(),
      // a generator that waits for events would hear of it when there are some
      return: async () => {
        ending.abort();
        return events.return();
      },
    };
  }
}

async function push<Data>(
  open: OpenPages<Data>,
  ending: AbortController,
  subscriber: Subscriber<StreamEvent<Data>>,
): Promise<void> {
  try {
    for await (const page of open(ending)) {
      for (const event of page) {
        if (ending.signal.aborted) break;
        subscriber.next(event);
      }
    }
    subscriber.complete();
  } catch (error) {
    subscriber.error(error);
  }
}

async function* oneByOne<Data>(
  pages: Pages<Data>,
  ending: AbortSignal,
): AsyncGenerator<StreamEvent<Data>, void, undefined> {
  for await (const page of pages) {
    for (const event of page) {
      if (ending.aborted) return;
      yield event;
    }
  }
}
