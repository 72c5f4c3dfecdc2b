import type { Lease, RunOutcome } from '../worker-engine.interface.js';
import { PACK_SEPARATOR } from './schema-names.js';

/** The arguments of finish() after the worker: parallel arrays as text, and what follows as JSON; and its last one. */
export interface PackedOutcomes {
  readonly values: (string | null)[];
  readonly claims: string;
}

export function packOutcomes(outcomes: readonly RunOutcome[]): PackedOutcomes {
  const leases = new Map<Lease, number>();
  const lanes: number[] = [];
  const ns: string[] = [];
  const claims: number[] = [];
  const keys: string[] = [];
  const runs: number[] = [];
  const leaseOf: number[] = [];
  const ran: number[] = [];
  const next: Record<string, unknown> = {};
  let states: string[] | undefined;
  let outputs: string[] | undefined;
  for (const [i, { key, run, lease, ran: ms, output, followUp }] of outcomes.entries()) {
    let index = leases.get(lease);
    if (index === undefined) {
      leases.set(lease, (index = leases.size + 1));
      lanes.push(lease.lane);
      ns.push(lease.n);
      claims.push(lease.claimNo);
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
  const values = [
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
  return { values, claims: array(claims) };
}

function blank(length: number, value: string): string[] {
  return Array.from({ length }, () => value);
}

function array(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
