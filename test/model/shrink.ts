import { type Outcome, play, type Step } from './runner.js';

/**
 * Leaves out steps for as long as it still fails: halves, quarters, single ones (delta debugging). A step chooses among
 * what is there, so each sequence can be played.
 */
export async function shrink(
  url: string,
  steps: readonly Step[],
  failed: Outcome,
  within: number,
): Promise<{ small: readonly Step[]; outcome: Outcome }> {
  const deadline = performance.now() + within;
  let small = steps;
  let outcome = failed;
  for (let size = Math.ceil(small.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let again = true; again;) {
      again = false;
      for (let at = small.length - size; at > -size; at -= size) {
        if (performance.now() > deadline) return { small, outcome };
        const fewer = [...small.slice(0, Math.max(0, at)), ...small.slice(at + size)];
        const played = await play(url, fewer);
        if (played.error === undefined) continue;
        small = fewer.slice(0, played.reached);
        outcome = played;
        again = size === 1;
        at = Math.min(at, small.length);
      }
    }
  }
  return { small, outcome };
}
