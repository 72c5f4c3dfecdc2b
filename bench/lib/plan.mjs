import { loadAdapter } from '../adapters/index.mjs';
import { WORKLOADS } from '../workloads/index.mjs';

/** All cells in their order: within a workload, each repetition of all systems before the next one. */
export async function plan({ workloads, systems, repeat, quick }) {
  const adapters = await Promise.all(systems.map(async (system) => [system, await loadAdapter(system)]));
  return workloads.flatMap((workload) => {
    const { repeats, variants, profiles } = WORKLOADS[workload];
    const repetitions = Array.from({ length: repeats ? repeat : 1 }, (_, i) => i);
    return repetitions.flatMap((repetition) =>
      adapters.flatMap(([system, adapter]) =>
        profiles(adapter, quick).flatMap((profile) =>
          Object.keys(variants).map((variant) => ({ workload, variant, system, profile, repetition })),
        ),
      ),
    );
  });
}

/** Why a cell is not run, if it is not; '' if that needs no telling. */
export function whyNot(cell, adapter, state, { redis, quick }) {
  const { workload, variant, repetition } = cell;
  if (adapter.server === 'redis' && !redis) return 'there is no redis-server: see install-redis.sh';
  const reason = adapter.cannot?.[workload] ?? adapter.moot?.[workload];
  if (reason) return reason;
  const { systems } = WORKLOADS[workload].sizes[quick ? 'quick' : 'full'];
  if (systems && !systems.includes(cell.system)) return 'not in the quick form: it takes too long';
  const { after } = WORKLOADS[workload].variants[variant];
  const first = (of) => state.find({ ...cell, variant: of, repetition: 0 });
  if (after !== undefined && first(after)?.isDone === false) return 'not measured: one process was not done';
  if (repetition > 0 && first(variant)?.isDone !== true) return '';
  return undefined;
}
