import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of what is alive in the heap. */
export function heapInUse(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** How many of them are still alive. To be called in a later turn than the one that saw them last. */
export function aliveOf(parts: readonly WeakRef<object>[]): number {
  collect();
  return parts.filter((part) => part.deref() !== undefined).length;
}
