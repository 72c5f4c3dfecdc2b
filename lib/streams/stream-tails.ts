import type { ObserveOptions } from '../interfaces/stream-options.interface.js';
import type { StreamEvent } from '../interfaces/stream-event.interface.js';
import { eventPages, type PageSource } from './event-pages.js';
import { toStreamEvent } from './stored-event.js';
import { checkObserveOptions, checkStream } from './stream-arguments.js';
import { StreamTail } from './stream-tail.js';

/**
 * The live tails of a module, which end with it.
 *
 * - A wrong name or option is an error of the tail, for whoever subscribes or iterates.
 */
export class StreamTails {
  readonly #source: PageSource;
  readonly #reading = new Set<AbortController>();
  #closed = false;

  constructor(source: PageSource) {
    this.#source = source;
  }

  tail<Data>(stream: string, options: ObserveOptions | undefined): StreamTail<Data> {
    return new StreamTail((ending) => this.#pages<Data>(stream, options, ending));
  }

  /** Ends all that are read, and those that are begun later. */
  close(): void {
    this.#closed = true;
    for (const ending of this.#reading) ending.abort();
  }

  async *#pages<Data>(
    stream: string,
    options: ObserveOptions | undefined,
    ending: AbortController,
  ): AsyncGenerator<StreamEvent<Data>[], void, undefined> {
    const name = checkStream(stream);
    const request = checkObserveOptions(options, this.#source.engine);
    if (this.#closed) return;
    this.#reading.add(ending);
    try {
      for await (const page of eventPages(this.#source, name, request, ending.signal)) {
        yield page.map((record) => toStreamEvent<Data>(name, record));
      }
    } finally {
      this.#reading.delete(ending);
    }
  }
}
