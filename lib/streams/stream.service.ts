import type { NewStreamEvent, StreamEvent } from '../interfaces/stream-event.interface.js';
import type { ObserveOptions, PublishOptions, ReadOptions } from '../interfaces/stream-options.interface.js';
import type { TransactionExecutor } from '../interfaces/transaction.interface.js';
import { createEventDraft, createEventDrafts } from './event-draft.js';
import { toStreamEvent } from './stored-event.js';
import { checkGroup, checkPublishOptions, checkReadOptions, checkSeek, checkStream } from './stream-arguments.js';
import type { StreamServiceContext } from './stream-service-context.interface.js';
import type { StreamTail } from './stream-tail.js';

/**
 * Publishes to streams and reads them, each by its name: 1 to 200 characters, none of them a control character. A stream
 * exists when its first event does. Injectable everywhere once `PgQueueModule.forRoot()` is imported.
 *
 * - Names, events, cursors and options are checked before any SQL: `InvalidEventError` says what and where.
 * - Every other failure to reach the database is a `DatabaseUnavailableError`.
 */
export class StreamService {
  readonly #context: StreamServiceContext;

  /** @internal */
  constructor(context: StreamServiceContext) {
    this.#context = context;
  }

  /**
   * Appends an event. Resolves to its id when it is durable; with `tx` when it is written, and it exists when that commits.
   *
   * Those that are awaited at the same time share statements, of which two are under way at once. So where the order matters
   * await the earlier one first, or publish both with `publishBulk()`.
   *
   * @throws InvalidEventError with a path such as `event.data.to`, InvalidTransactionError, DatabaseUnavailableError
   */
  async publish<Data>(stream: string, event: NewStreamEvent<Data>, options?: PublishOptions): Promise<string> {
    const { appender, limits } = this.#context;
    const name = checkStream(stream);
    const executor = this.#executor(name, checkPublishOptions(options).tx);
    const draft = createEventDraft(event, limits);
    return executor === undefined
      ? appender.publish(name, draft)
      : (await appender.publishBulk(name, [draft], executor))[0]!;
  }

  /**
   * Appends all of the events, or none; they are read in the order given. Resolves to their ids.
   *
   * @throws InvalidEventError with a path such as `events[3].data.to`, InvalidTransactionError, DatabaseUnavailableError
   */
  async publishBulk(stream: string, events: readonly NewStreamEvent[], options?: PublishOptions): Promise<string[]> {
    const { appender, limits } = this.#context;
    const name = checkStream(stream);
    const executor = this.#executor(name, checkPublishOptions(options).tx);
    const drafts = createEventDrafts(events, limits);
    return drafts.length === 0 ? [] : appender.publishBulk(name, drafts, executor);
  }

  /**
   * The next events in the order of the log: as many as `limit` says, or fewer where their data would be more than some 16 MB.
   * None: there are no more yet. Go on with `after: events.at(-1).cursor`: whatever commits in between, each event is read once.
   *
   * @throws InvalidEventError, DatabaseUnavailableError
   */
  async read<Data = any>(stream: string, options?: ReadOptions): Promise<StreamEvent<Data>[]> {
    const { engine } = this.#context;
    const name = checkStream(stream);
    const { events } = await engine.read(name, checkReadOptions(options, engine));
    return events.map((record) => toStreamEvent<Data>(name, record));
  }

  /**
   * A live tail, without a group of its own: each who subscribes sees every event from `after` on, and nothing is remembered
   * of him. An Observable that can be iterated as well: what holds it back is said there.
   *
   * - An event is seen within some ms where it was published by this process, and within a second otherwise.
   * - While the database is away it waits, and goes on where it was. A wrong name or option is its error: `InvalidEventError`.
   */
  observe<Data = any>(stream: string, options?: ObserveOptions): StreamTail<Data> {
    return this.#context.tails.tail<Data>(stream, options);
  }

  /**
   * How many events each group of the stream, or this one, has still to take or to repeat; by group. Exact up to some
   * thousands, beyond that an estimate. A group that does not exist is not in it.
   *
   * @throws InvalidEventError, DatabaseUnavailableError
   */
  async lag(stream: string, group?: string): Promise<Record<string, number>> {
    return this.#context.engine.lag(checkStream(stream), group === undefined ? undefined : checkGroup(group));
  }

  /**
   * Moves a group: what its consumers take next comes behind this cursor, or was published at this time or later; or begins
   * with the oldest event that is kept (`'start'`), or with what is committed from now on (`'end'`). What they hold at this
   * moment, and what waits to be repeated, is handled as if nothing had happened.
   *
   * @throws InvalidEventError, DatabaseUnavailableError
   * @throws UnknownGroupError when the stream has no such group.
   */
  async seek(stream: string, group: string, to: 'start' | 'end' | Date | (string & {})): Promise<void> {
    const { engine } = this.#context;
    await engine.seek(checkStream(stream), checkGroup(group), checkSeek(to, engine));
  }

  /** In the caller's transaction: that which is given, or is open around the call. */
  #executor(stream: string, tx: unknown): TransactionExecutor | undefined {
    const mode = this.#context.transactionFor(stream);
    return this.#context.ambient.executorFor(tx, mode, `stream '${stream}'`);
  }
}
