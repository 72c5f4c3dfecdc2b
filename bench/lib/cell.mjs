import { WORKLOADS } from '../workloads/index.mjs';
import { Environment } from './environment.mjs';

/** When a cell ends, done or not: ms. */
const LIMIT = { full: 60_000, quick: 3_000 };
/** When a cell is stuck, in filling and closing as well: ms. */
const STUCK = { full: 400_000, quick: 60_000 };

/** Runs one cell in an environment of its own. What goes wrong is its result, too. */
export async function runCell({ workload, variant, system, profile }, { postgres, quick }) {
  const { sizes, variants, run } = WORKLOADS[workload];
  const form = quick ? 'quick' : 'full';
  const { limit = LIMIT[form], ...size } = sizes[form];
  const environment = new Environment({ limit, postgres });
  let timer;
  const stuck = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the cell is stuck')), STUCK[form]);
  });
  const work = async () => {
    await environment.open({ system, profile });
    return run(environment, size, variants[variant]);
  };
  try {
    return await Promise.race([work(), stuck]);
  } catch (error) {
    return { error: String(error?.stack ?? error) };
  } finally {
    clearTimeout(timer);
    await environment.close();
  }
}
