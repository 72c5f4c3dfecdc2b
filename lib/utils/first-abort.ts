/**
 * A signal that aborts with the first of these, for as long as it is not released. `AbortSignal.any()` holds on to what it
 * was made of: one for each batch, of a signal that lives as long as the process, would add up.
 */
export function firstAbort(...signals: readonly AbortSignal[]): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const listeners = signals.map((signal) => {
    const abort = (): void => controller.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    return () => signal.removeEventListener('abort', abort);
  });
  return {
    signal: controller.signal,
    release: () => {
      for (const remove of listeners) remove();
    },
  };
}
