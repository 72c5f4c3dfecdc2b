/**
 * What `work` comes to, unless the deadline (performance.now(); Infinity: none) or the signal comes first: throws what
 * `late` makes then, and whatever `work` does afterwards is its own business.
 *
 * Not a race: one with a promise that lasts for months would remember everybody who ever raced it.
 */
export async function withinTime<T>(
  work: Promise<T>,
  deadline: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      cleanUp();
      reject(late());
    };
    const timer = deadline === Infinity ? undefined : setTimeout(giveUp, deadline - performance.now());
    const cleanUp = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
    if (signal?.aborted === true) giveUp();
    signal?.addEventListener('abort', giveUp);
    work.then(resolve, reject).finally(cleanUp);
  });
}

/** No client of the pool became free. */
export class NoneInTime extends Error {
  constructor() {
    super('no connection became free');
  }
}
