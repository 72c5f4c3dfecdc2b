import { readFileSync } from 'node:fs';
import path from 'node:path';

/** How much of the recorded ratio there must be. */
const ENOUGH = 2 / 3;
/** How often a cell whose ratio fell is tried in all: other people's load on the machine lowers one, and never lifts it. */
const TRIES = 3;

/** The ratios to the floor of the same run: by name, the cell that has it, and how to read it. */
const RATIOS = {
  'add() by 16 callers ÷ plain insert': ['w1', ({ add16, plain16 }) => add16.rate / plain16.rate],
  'transactions with an add(): with ÷ without notification': ['w1t', (result) => result.with / result.without],
  'addBulk() ÷ plain bulk insert': ['w2', ({ add, plain }) => add / plain],
  'drain ÷ loop of claim and finish': ['w3', ({ drain, loop }) => drain.rate / loop.rate],
  'publishBulk() ÷ plain bulk insert': ['s1', ({ bulk, plain }) => bulk / plain],
  'consuming in batches ÷ bare loop': ['s3', ({ one1000, loop1000 }) => one1000 / loop1000],
};
export const CHECKED = ['w1', 'w1t', 'w2', 'w3', 's1', 's3'];

/**
 * Compares the ratios of the quick form with those that are recorded, which change only in a commit that says why.
 * `again(cell)` runs a cell once more. Whether all are there.
 */
export async function check(results, again) {
  const recorded = JSON.parse(readFileSync(path.join(import.meta.dirname, 'recorded.json'), 'utf8'));
  let fell = 0;
  for (const [name, [cell, read]] of Object.entries(RATIOS)) {
    const tries = results[cell].map(({ result }) => read(result));
    const needs = recorded[name] * ENOUGH;
    while (Math.max(...tries) < needs && tries.length < TRIES) tries.push(read(await again(cell)));
    const best = Math.max(...tries);
    if (best < needs) fell++;
    const of = tries.length > 1 ? `, the best of ${tries.length} tries: ${tries.map(two).join(', ')}` : '';
    const verdict = best >= needs ? 'ok' : 'FELL by more than a third';
    console.log(`${verdict}: ${name} ${two(best)}${of}; recorded ${two(recorded[name])}, at least ${two(needs)}`);
  }
  console.log(`${Object.keys(RATIOS).length - fell} passed, ${fell} failed`);
  return fell === 0;
}

function two(value) {
  return value.toFixed(2);
}
