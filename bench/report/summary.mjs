import { median } from '../lib/measure.mjs';
import { WORKLOADS } from '../workloads/index.mjs';

/** Medians over the repetitions: by workload, then by system and profile, then by variant. */
export function summarize(entries) {
  const summary = {};
  for (const { cell, result } of latest(entries)) {
    const { workload, system, profile, variant } = cell;
    const row = (((summary[workload] ??= {})[`${system} ${profile}`] ??= { system, profile, variants: {} }).variants[
      variant
    ] ??= { results: [] });
    row.results.push(result);
  }
  const rows = Object.values(summary).flatMap((byRow) => Object.values(byRow));
  for (const { variants } of rows) {
    for (const variant of Object.values(variants)) Object.assign(variant, summarizeResults(variant.results));
  }
  return summary;
}

/** A cell that failed and was tried again counts once. */
function latest(entries) {
  const byCell = new Map();
  for (const entry of entries) byCell.set(JSON.stringify(entry.cell), entry);
  return [...byCell.values()].toSorted(
    (a, b) => Object.keys(WORKLOADS).indexOf(a.cell.workload) - Object.keys(WORKLOADS).indexOf(b.cell.workload),
  );
}

function summarizeResults(results) {
  const measured = results.filter(({ figures }) => figures);
  const figures = {};
  for (const name of Object.keys(measured[0]?.figures ?? {})) {
    const values = measured.map((result) => result.figures[name]).filter((value) => value !== null);
    if (values.length > 0)
      figures[name] = { median: median(values), min: Math.min(...values), max: Math.max(...values) };
  }
  const sum = (name) => measured.reduce((total, { audit }) => total + (audit?.[name] ?? 0), 0);
  return {
    figures,
    repetitions: measured.length,
    isDone: measured.every(({ isDone }) => isDone),
    ended: measured.find(({ isDone }) => !isDone)?.ended,
    reason: results.find(({ reason }) => reason)?.reason,
    error: results.find(({ error }) => error)?.error,
    lost: sum('lost'),
    repeated: sum('repeated'),
    /** The share of one CPU that others took, in the noisiest repetition. */
    noise: Math.max(...measured.map(({ usage }) => usage.others + usage.steal)),
  };
}

/** A median, or undefined. */
export function lookUp(summary, workload, system, profile, variant, figure) {
  return summary[workload]?.[`${system} ${profile}`]?.variants[variant]?.figures[figure]?.median;
}
