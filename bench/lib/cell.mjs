import { WORKLOADS } from '../workloads/index.mjs';
import { Environment } from './environment.mjs';

/** When a cell ends, done or not: ms. */
const LIMIT = { full: 60_000, quick: 6_000 };
/** A cell that is stuck, in filling and closing as well: so many times its limit. */
const STUCK = 6;

/** Runs one cell in an environment of its own. What goes wrong is its result, too. */
export async function runCell({ workload, variant, system, profile }, { postgres, quick }) {
  const { sizes, variants, run } = WORKLOADS[workload];
  const form = quick ? 'quick' : 'full';
  const { limit = LIMIT[form], ...size } = sizes[form];
  const environment = new Environment({ limit, postgres });
  let timer;
  const stuck = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the cell is stuck')), STUCK * limit);
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
