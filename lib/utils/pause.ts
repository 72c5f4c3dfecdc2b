/** Resolves after `ms`; earlier, without an error, when the signal aborts. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** The pause before the n-th new try (from 0): doubles from 100 ms to 5 s, half of it random, so that processes spread out. */
export function retryPause(tries: number): number {
  const ms = Math.min(5000, 100 * 2 ** Math.min(tries, 10));
  return ms / 2 + (Math.random() * ms) / 2;
}
