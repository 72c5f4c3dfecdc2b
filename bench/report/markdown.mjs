import { loadAdapter, SYSTEMS } from '../adapters/index.mjs';
import { WORKLOADS } from '../workloads/index.mjs';

const WRITE = {
  count: (value) => Math.round(value).toLocaleString('en-US'),
  fraction: (value) => value.toFixed(2),
  ms: (value) => (value < 100 ? value.toFixed(2) : Math.round(value).toLocaleString('en-US')),
  seconds: (value) => `${value.toFixed(1)} s`,
  // Redis has rewritten its file meanwhile
  bytes: (value) => (value < 0 ? '–' : Math.round(value).toLocaleString('en-US')),
  megabytes: (value) => `${(value / 1e6).toFixed(1)} MB`,
};
const percent = (share) => (share < 0 ? '' : `${Math.round(share * 100)} %`);
const bold = (text) => `**${text}**`;
const marked = (verdict) => (verdict === 'missed' ? bold(verdict) : verdict);

/** The whole report: where it was measured, a section per workload, and the settings. */
export async function markdown({ about, date, summary, goals, charts }) {
  const titles = Object.fromEntries(
    await Promise.all(SYSTEMS.map(async (system) => [system, await loadAdapter(system)])),
  );
  const sections = Object.keys(summary).map((workload) =>
    section(workload, summary[workload], { titles, goals, chart: charts[workload] }),
  );
  return [head(about, date), goalsTable(goals), ...sections, settings(titles)].join('\n\n');
}

function head({ machine, node, postgres, redis, packages, commit, size }, date) {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return `Measured ${date} on ${machine}; commit ${commit}, the ${size} form; Node ${node}, PostgreSQL ${postgres.version} \
(fsync ${postgres.fsync}, synchronous_commit ${postgres.synchronous_commit}), Redis ${redis ?? 'none'}; ${versions.join(', ')}.

Medians, with the smallest and the largest value where a cell was repeated. × is the ratio of the first column to \
nestjs-pgqueue's. Noise is the share of one CPU that others took, in the noisiest repetition. A cell ends after its time: \
“not done” stands beside the rate so far.`;
}

function goalsTable(goals) {
  const rows = goals.map(({ workload, text, verdict, shown }) => [
    workload.toUpperCase(),
    text,
    marked(verdict),
    shown,
  ]);
  return `### Goals\n\n${table(['', 'to reach, with default options', '', 'measured'], rows, 'left')}`;
}

function section(workload, rows, { titles, goals, chart }) {
  const { title, about, columns } = WORKLOADS[workload];
  const ordered = Object.values(rows).toSorted((a, b) => SYSTEMS.indexOf(a.system) - SYSTEMS.indexOf(b.system));
  const lines = ordered.map((row) => {
    return [
      `${titles[row.system].title}, ${row.profile}`,
      ...columns.map((column) => written(row.variants[column.variant], column, columns)),
      ratio(row, rows, columns[0]),
      percent(Math.max(...Object.values(row.variants).map(({ noise }) => noise))),
    ];
  });
  const headings = ['', ...columns.map(({ title: name, as }) => (as === 'ms' ? `${name} (ms)` : name)), '×', 'noise'];
  const mine = goals.filter((goal) => goal.workload === workload);
  return [
    `### ${title}`,
    about,
    table(headings, lines),
    wrongs(ordered, titles),
    mine.map(({ text, verdict, shown: value }) => `- ${text}: ${marked(verdict)}. ${value}`).join('\n'),
    chart ? `![${title}](charts/${chart})` : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function written(cell, column, columns) {
  if (!cell) return '';
  const { figure, variant, as, isRate } = column;
  const { figures, isDone, ended, reason, error, repetitions } = cell;
  if (repetitions === 0) {
    // said once
    if (columns.find((other) => other.variant === variant) !== column) return '';
    return reason ?? `failed: ${error.split('\n', 1)[0].replaceAll('|', '/')}`;
  }
  const value = figures[figure];
  const write = WRITE[as];
  if (!isDone) return isRate && value ? `not done: ${write(value.median)} (${ended})` : `not done (${ended})`;
  if (!value) return '–';
  return repetitions > 1 ? `${write(value.median)} (${write(value.min)} – ${write(value.max)})` : write(value.median);
}

function ratio({ profile, variants }, rows, { variant, figure }) {
  const ours = rows[`pgqueue ${profile}`] ?? rows['pgqueue default'] ?? rows['pgqueue tuned'];
  const base = ours?.variants[variant]?.figures?.[figure]?.median;
  const value = variants[variant]?.figures?.[figure]?.median;
  if (base === undefined || value === undefined) return '';
  // what was not done would have taken longer still
  return `${figure === 'seconds' && !variants[variant].isDone ? '≥ ' : ''}${(value / base).toPrecision(2)}`;
}

function wrongs(rows, titles) {
  const wrong = rows.flatMap(({ system, profile, variants }) =>
    Object.values(variants)
      .filter(({ lost, repeated }) => lost + repeated > 0)
      .map(({ lost, repeated }) => `${titles[system].title}, ${profile}: ${lost} lost, ${repeated} repeated`),
  );
  return wrong.length > 0 ? bold(`Jobs were lost or ran twice: ${wrong.join('; ')}.`) : '';
}

function settings(titles) {
  const rows = Object.values(titles).map(({ title, profiles }) => [title, profiles.default, profiles.tuned]);
  return `### Settings\n\n${table(['', 'default', 'tuned'], rows, 'left')}`;
}

function table(headings, rows, align = 'right') {
  const rule = headings.map((_, i) => (i > 0 && align === 'right' ? '---:' : '---'));
  return [headings, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
