/** A promise to be settled from outside. */
export interface Deferred<T = void> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

/** Asks until the answer is true: for what gives no signal. Fails after `within` ms with what was waited for. */
export async function until(what: string, is: () => boolean | Promise<boolean>, within = 10_000): Promise<void> {
  const deadline = performance.now() + within;
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error(`waited ${within} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** For "it does not happen": long enough for what would happen within milliseconds. */
export async function aWhile(ms = 300): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
