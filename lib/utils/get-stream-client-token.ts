import { databaseToken } from './database-tokens.js';

/**
 * The injection token of the `StreamClient` for a PgQue installation in the module's database; the class itself is the token of
 * the one for the module's own streams. It needs no consumer, and connects to nothing by itself.
 *
 * What is different on PgQue:
 *
 * - A queue has to be there, and is not made by `subscribe()` or `send()`: `UnknownStreamError`.
 * - `subscribe()` begins with what was committed since the last tick.
 * - A batch is what was ticked together: `max` is how many of its events are fetched at once, and `receive()` returns all of them.
 *   Received again it still has what was nacked in it.
 * - `nack()`'s delay is rounded to seconds. How often an event is delivered is a setting of its queue, for all of its groups. One
 *   that two processes nack in one batch may come twice; of one that is in a batch twice, PgQue keeps neither when it is nacked.
 * - `replay()` makes a new event of a dead letter, which every group of the queue gets: PgQue has no function for one group alone.
 * - `unsubscribe()` leaves the group's dead letters where a group of that name reads another queue.
 * - `send()` in a transaction of yours refuses REPEATABLE READ and SERIALIZABLE, in which PgQue may lose an event:
 *   `InvalidTransactionError`.
 * - The `cursor` of an event is empty. Its `key` is PgQue's `extra1`, its `headers` are `extra2` as JSON, and a payload that is no
 *   JSON is delivered as text.
 *
 * @param database of which `forRoot({ name })`; then also `'pgqueue'` for the client of its own streams.
 */
export function getStreamClientToken(engine: 'pgque' | 'pgqueue', database?: string): string {
  const token = `StreamClient_${engine}`;
  return database === undefined ? token : databaseToken(token, database);
}
