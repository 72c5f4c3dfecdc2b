import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawCharts } from './charts.mjs';
import { goals } from './goals.mjs';
import { markdown } from './markdown.mjs';
import { summarize } from './summary.mjs';

/** Writes latest.md, latest.json and the charts; the Markdown. */
export async function writeReport({ folder, about, entries }) {
  const summary = summarize(entries);
  const date = (entries.at(-1)?.at ?? new Date().toISOString()).slice(0, 10);
  const reached = goals(summary);
  const drawn = await drawCharts(summary);
  const chartFolder = path.join(folder, 'charts');
  rmSync(chartFolder, { recursive: true, force: true });
  mkdirSync(chartFolder, { recursive: true });
  for (const [workload, svg] of Object.entries(drawn)) writeFileSync(path.join(chartFolder, `${workload}.svg`), svg);
  const charts = Object.fromEntries(Object.keys(drawn).map((workload) => [workload, `${workload}.svg`]));
  const text = await markdown({ about, date, summary, goals: reached, charts });
  writeFileSync(path.join(folder, 'latest.md'), `${text}\n`);
  writeFileSync(
    path.join(folder, 'latest.json'),
    `${JSON.stringify({ about, date, goals: reached, cells: entries }, null, 2)}\n`,
  );
  return text;
}
