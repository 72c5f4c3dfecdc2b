import type { StreamBatch, StreamClient, StreamEvent, TransactionHandle } from '../../../lib/index.js';

/** A transaction of an application's own. */
export interface UserTransaction {
  readonly tx: TransactionHandle;
  query(sql: string): Promise<unknown>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Where implementations differ by what they are. Each is asserted, one way or the other. */
export interface Differences {
  /** `max` limits a batch; otherwise it is the page size, and a batch is what was ticked together. */
  readonly maxLimitsBatch: boolean;
  /** An open batch that is received again still has what was nacked in it. */
  readonly nackedStaysInBatch: boolean;
  /** A replayed dead letter is a new event for all groups; otherwise it is the same one, for its group. */
  readonly replayIsNewEvent: boolean;
  /** The dead letters of a group that was unsubscribed stay where a group of its name reads another stream. */
  readonly deadOutliveGroup: boolean;
}

/** An implementation of StreamClient, and what its tests need beside that. */
export interface StreamDriver {
  readonly differences: Differences;
  readonly client: StreamClient;
  /** As another process has it. */
  readonly other: StreamClient;
  /** A name of a stream that no other test uses, which may be subscribed and sent to. */
  newStream(): Promise<string>;
  /** Afterwards can be received what was committed before, and what is due. */
  settle(stream: string): Promise<void>;
  /** So many times in which something might have been sent, and was not. */
  idle(stream: string, times: number): Promise<void>;
  begin(): Promise<UserTransaction>;
  /** How often an event is delivered to a group, at most. */
  setAttempts(stream: string, group: string, attempts: number): Promise<void>;
  /** So many events of a stream are stored, whatever groups read it. */
  stored(stream: string): Promise<number>;
}

/** Asked for when a test runs: a driver is made in beforeAll. */
export type Driver = () => StreamDriver;

export const GROUP = 'g';

export const idsOf = (events: readonly { readonly id: string }[] = []): string[] => events.map(({ id }) => id);

/** Sends these, one after the other; returns their ids. */
export async function sent({ client }: StreamDriver, stream: string, ...data: unknown[]): Promise<string[]> {
  const ids: string[] = [];
  for (const one of data) ids.push(await client.send(stream, { data: one }));
  return ids;
}

export async function receive(
  driver: StreamDriver,
  stream: string,
  group = GROUP,
  max?: number,
): Promise<StreamBatch | undefined> {
  await driver.settle(stream);
  return driver.client.receive(stream, group, max);
}

/** A batch that has to be there. */
export async function received(
  driver: StreamDriver,
  stream: string,
  group = GROUP,
  max?: number,
): Promise<StreamBatch> {
  const batch = await receive(driver, stream, group, max);
  if (batch === undefined) throw new Error(`there is nothing for group '${group}'`);
  return batch;
}

/** All that can be received now, acknowledged. */
export async function drain(driver: StreamDriver, stream: string, group = GROUP, max?: number): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  await driver.settle(stream);
  for (;;) {
    const batch = await driver.client.receive(stream, group, max);
    if (batch === undefined) return events;
    events.push(...batch.events);
    await driver.client.ack(batch.id);
  }
}

/** Nacks everything that is there, and what comes of that, until nothing comes any more; returns what was delivered. */
export async function nackAll(
  driver: StreamDriver,
  stream: string,
  reason: (event: StreamEvent) => string | undefined,
  group = GROUP,
): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for (;;) {
    const batch = await receive(driver, stream, group);
    if (batch === undefined) return events;
    events.push(...batch.events);
    for (const event of batch.events) await driver.client.nack(batch.id, event, 0, reason(event));
    await driver.client.ack(batch.id);
  }
}

export const by = (events: readonly StreamEvent[], id: string | undefined): StreamEvent =>
  events.find((event) => event.id === id)!;
