import type { BatchEngine, DeliveredEvent } from '../engine/batch-engine.interface.js';
import { refuseOptions } from '../errors/invalid-options.error.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type {
  DeadLetter,
  DeadLetterOptions,
  ReplayFilter,
  SendOptions,
  StreamBatch,
  SubscribeOptions,
} from '../interfaces/stream-client.interface.js';
import type { NewStreamEvent, StreamEvent } from '../interfaces/stream-event.interface.js';
import { duration, plainText, text } from '../utils/checks.js';
import {
  checkDeadLetterOptions,
  checkEvent,
  checkFrom,
  checkMax,
  checkReason,
  checkReplay,
} from './client-arguments.js';
import { toStreamEvent } from './stored-event.js';

const DEFAULT_MAX = 100;
const DEFAULT_RETRY_AFTER = '60s';

/** @internal */
export interface StreamClientContext {
  readonly engine: BatchEngine;
  readonly publish: (stream: string, event: NewStreamEvent, options?: SendOptions) => Promise<string>;
}

/**
 * Streams for those who drive the loop themselves: receive a batch, handle its events, nack those that failed, acknowledge it. The
 * API of pgque. `@StreamConsumer()` does the same, and more, by itself.
 *
 * - A batch belongs to its group, not to a process: until `ack()` each `receive()` returns it again, wherever. Who receives for a
 *   group in several processes handles everything several times.
 * - What `@StreamConsumer()` classes of the same group are handed out is another batch.
 * - A wrong argument is an `InvalidOptionsError`, and nothing is written. Every failure to reach the database is a
 *   `DatabaseUnavailableError`.
 */
export class StreamClient {
  readonly #engine: BatchEngine;
  readonly #publish: StreamClientContext['publish'];

  /** @internal */
  constructor({ engine, publish }: StreamClientContext) {
    this.#engine = engine;
    this.#publish = publish;
  }

  /** Makes a consumer group; `false`: it is there already, and stays where it is. */
  async subscribe(stream: string, group: string, options?: SubscribeOptions): Promise<boolean> {
    const refuse = refuseOptions('StreamClient.subscribe()');
    const [name, its] = [plainText(stream, 'stream', refuse), plainText(group, 'group', refuse)];
    return this.#engine.subscribe(name, its, checkFrom(options, refuse));
  }

  /** Removes a group with its position, its open batch, what it has to repeat and its dead letters; `false`: there is none. */
  async unsubscribe(stream: string, group: string): Promise<boolean> {
    const refuse = refuseOptions('StreamClient.unsubscribe()');
    return this.#engine.unsubscribe(plainText(stream, 'stream', refuse), plainText(group, 'group', refuse));
  }

  /** Publishes an event, and makes the stream if need be. Resolves to its id when it is durable; with `tx` when it is written. */
  async send(stream: string, event: NewStreamEvent, options?: SendOptions): Promise<string> {
    return this.#publish(stream, event, options);
  }

  /**
   * The group's open batch, or else a new one: of the events that are to come again and are due, or of those that come next in the
   * stream. `undefined`: there is nothing now.
   *
   * @param max events of a new batch, at most. Large ones make it smaller: some 8 MB of data, or one event.
   * @throws UnknownGroupError; OrderedGroupError for a group whose `@StreamConsumer()` says another `hold` than `nothing`
   */
  async receive<Data = any>(stream: string, group: string, max = DEFAULT_MAX): Promise<StreamBatch<Data> | undefined> {
    const refuse = refuseOptions('StreamClient.receive()');
    const [name, its] = [plainText(stream, 'stream', refuse), plainText(group, 'group', refuse)];
    const batch = await this.#engine.receive(name, its, checkMax(max, 'max', refuse));
    return batch && { id: batch.id, events: batch.events.map((event) => toEvent<Data>(name, event)) };
  }

  /**
   * Ends a batch: what of it was not nacked is handled. `false`: it is not open, as it was acknowledged already, or its group is
   * gone.
   */
  async ack(batchId: string): Promise<boolean> {
    return this.#engine.ack(text(batchId, 'batchId', refuseOptions('StreamClient.ack()')));
  }

  /**
   * An event was not handled: it comes again, alone and to this group only, `retryAfter` from now or later, in a batch to come; or
   * goes to the group's dead letters with the reason when it was delivered as often as the group says (`attempts`; 6 times).
   *
   * The batch stays open, without the event. To nack it once more in this batch changes nothing.
   *
   * @param retryAfter default 60s.
   * @throws UnknownBatchError for an event that is not in the batch, or a batch that is not open
   */
  async nack(
    batchId: string,
    event: Pick<StreamEvent, 'id' | 'cursor'>,
    retryAfter: Duration = DEFAULT_RETRY_AFTER,
    reason?: string,
  ): Promise<void> {
    const refuse = refuseOptions('StreamClient.nack()');
    await this.#engine.nack(
      text(batchId, 'batchId', refuse),
      checkEvent(event, refuse),
      duration(retryAfter, 'retryAfter', refuse),
      checkReason(reason, refuse),
    );
  }

  /** What groups of a stream were not able to handle, the newest first; also what `@StreamConsumer()` classes were not. */
  async deadLetters<Data = any>(stream: string, options?: DeadLetterOptions): Promise<DeadLetter<Data>[]> {
    const refuse = refuseOptions('StreamClient.deadLetters()');
    const name = plainText(stream, 'stream', refuse);
    const { group, limit } = checkDeadLetterOptions(options, refuse);
    const letters = await this.#engine.deadLetters({ stream: name, group }, limit);
    return letters.map(({ id, group: its, event, reason, at }) => ({
      id,
      group: its,
      event: toEvent<Data>(name, event),
      reason,
      at: new Date(at),
    }));
  }

  /**
   * Delivers dead letters again: one by its id, or those of a stream, or of one of its groups. Each comes to its own group only, as
   * if it had never failed. Resolves to how many: 0 for one that is gone.
   */
  async replay(which: string | ReplayFilter): Promise<number> {
    return this.#engine.replay(checkReplay(which, refuseOptions('StreamClient.replay()')));
  }

  /** Deletes the dead letters of a stream that are older than this. Resolves to how many. */
  async purge(stream: string, olderThan: Duration): Promise<number> {
    const refuse = refuseOptions('StreamClient.purge()');
    return this.#engine.purge(plainText(stream, 'stream', refuse), duration(olderThan, 'olderThan', refuse));
  }
}

function toEvent<Data>(stream: string, { record, retryCount }: DeliveredEvent): StreamEvent<Data> {
  return toStreamEvent<Data>(stream, record, retryCount);
}
