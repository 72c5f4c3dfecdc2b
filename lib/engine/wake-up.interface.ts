/**
 * What a wake-up says: a queue has something in a lane (`mayBeOpen`: or will have, when the transaction that adds it has
 * ended); or something delayed that is due at a time (epoch ms); a run of it was ended by somebody else; it was paused
 * or resumed; or its concurrency was changed.
 */
export type Wake =
  | { readonly queueId: number; readonly lane: number; readonly mayBeOpen: boolean }
  | { readonly queueId: number; readonly dueAt: number }
  | { readonly queueId: number; readonly taken: true }
  | { readonly queueId: number; readonly paused: boolean }
  | { readonly queueId: number; readonly limited: true };

const MAY_BE_OPEN = ':o';

/** A wake-up for a transaction that may not have ended yet. */
export const ofOpenTransaction = (wake: string): string => wake + MAY_BE_OPEN;

/**
 * `queue:lane`, `queue:d:ms`, either with `:o` where its transaction may be open, `x:queue` (a run was ended by somebody
 * else), `p:queue` or `r:queue` (the queue was paused, or resumed), `c:queue` (its concurrency was changed); undefined for anything else on the channel.
 */
export function parseWake(text: string): Wake | undefined {
  const control = /^([xprc]):(\d+)$/.exec(text);
  if (control !== null) {
    const queueId = Number(control[2]);
    if (control[1] === 'x') return { queueId, taken: true };
    return control[1] === 'c' ? { queueId, limited: true } : { queueId, paused: control[1] === 'p' };
  }
  const parts = /^(\d+):(?:(-?\d+)|d:(\d+))(:o)?$/.exec(text);
  if (parts === null) return undefined;
  const queueId = Number(parts[1]);
  return parts[2] === undefined
    ? { queueId, dueAt: Number(parts[3]) }
    : { queueId, lane: Number(parts[2]), mayBeOpen: parts[4] === MAY_BE_OPEN };
}

/** Hears of notifications. `start` and `stop` are idempotent. */
export interface WakeUpListener {
  /** Whether notifications arrive; without it, workers poll more often. */
  readonly listening: boolean;
  /** Returns at once; `onListening` says when it hears. */
  start(worker: string, callbacks: WakeUpCallbacks): void;
  stop(): Promise<void>;
}

export interface WakeUpCallbacks {
  onWake(wake: Wake): void;
  /** Notifications may have been missed: look at everything. */
  onListening(): void;
}
