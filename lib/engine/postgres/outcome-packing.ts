import type { Lease, RunOutcome } from '../worker-engine.interface.js';
import { PACK_SEPARATOR } from './schema-names.js';

/** The arguments of finish() after the worker: parallel arrays as text, and what follows as JSON. */
export function packOutcomes(outcomes: readonly RunOutcome[]): (string | null)[] {
  const leases = new Map<Lease, number>();
  const [lanes, ns, keys, runs, leaseOf, ran]: [number[], string[], string[], number[], number[], number[]] = [
    [],
    [],
    [],
    [],
    [],
    [],
  ];
  const next: Record<string, unknown> = {};
  let states: string[] | undefined;
  let outputs: string[] | undefined;
  for (const [i, { key, run, lease, ran: ms, output, followUp }] of outcomes.entries()) {
    let index = leases.get(lease);
    if (index === undefined) {
      leases.set(lease, (index = leases.size + 1));
      lanes.push(lease.lane);
      ns.push(lease.n);
    }
    keys.push(key);
    runs.push(run);
    leaseOf.push(index);
    ran.push(Math.round(ms));
    if (output !== null) (outputs ??= blank(outcomes.length, ''))[i] = output;
    if (followUp !== undefined) {
      const { state, ...rest } = followUp;
      (states ??= blank(outcomes.length, 'NULL'))[i] = state;
      next[`${key}:${run}`] = { ...rest, ran: Math.round(ms) };
    }
  }
  return [
    array(lanes),
    array(ns),
    array(keys),
    array(runs),
    array(leaseOf),
    array(ran),
    states === undefined ? null : array(states),
    outputs === undefined ? null : outputs.join(PACK_SEPARATOR),
    states === undefined ? null : JSON.stringify(next),
  ];
}

function blank(length: number, value: string): string[] {
  return Array.from({ length }, () => value);
}

function array(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
