import { expect, inject, it } from 'vitest';
import { generate, play } from './runner.js';
import { shrink } from './shrink.js';

const RUNS = Number(process.env['MODEL_RUNS'] ?? 3);
const STEPS = Number(process.env['MODEL_STEPS'] ?? 350);
const SEED = Number(process.env['MODEL_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
/** For making a failure small, ms. */
const SHRINKING = Number(process.env['MODEL_SHRINK'] ?? 120_000);

/** How often what was done; fails with a short sequence that goes wrong. */
async function playOrExplain(seed: number): Promise<Readonly<Record<string, number>>> {
  const url = inject('databaseUrl');
  const steps = generate(seed, STEPS);
  const played = await play(url, steps);
  if (process.env['MODEL_TALLY']) console.log(played.tally);
  if (played.error === undefined) return played.tally;
  const { small, outcome } = await shrink(url, steps.slice(0, played.reached), played, SHRINKING);
  const lines = outcome.log.map((line) => `  ${line}`).join('\n');
  throw new Error(
    `MODEL_SEED=${seed} MODEL_STEPS=${STEPS}, made small to ${small.length} steps:\n${lines}\n${outcome.error!.message}`,
    { cause: outcome.error },
  );
}

it.each(Array.from({ length: RUNS }, (_, i) => SEED + i))(
  `the log does what a small model of it does, whatever is done to it: seed %i, ${STEPS} steps`,
  async (seed) => {
    const tally = await playOrExplain(seed);
    expect(tally['claims']).toBeGreaterThan(STEPS / 20);
  },
  SHRINKING + 120_000,
);
