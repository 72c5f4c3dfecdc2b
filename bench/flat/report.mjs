import { median, percentiles } from '../lib/measure.mjs';

const whole = (value) => Math.round(value).toLocaleString('en-US');
const ms = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const mb = (value) => `${(value / 1e6).toFixed(1)} MB`;
const ratio = (a, b) => (a / b).toFixed(2);
const kept = (holds) => (holds ? 'yes' : '**no**');
const sum = (values) => values.reduce((total, value) => total + value, 0);
const within = (rows, from, to) => rows.filter(({ at }) => at >= from && at < to);

/** What a form has shown, as rows: what, first, last, their ratio, what it has to be, and whether it is. */
function facts(run) {
  const length = run.minutes * 60_000;
  const [first, last] = [
    [0, run.window],
    [length - run.window, length],
  ].map(([from, to]) => {
    const claims = within(run.claims, from, to).map((claim) => claim.ms);
    return {
      rate: sum(within(run.seconds, from, to + 1_500).map(({ jobs }) => jobs)) / (run.window / 1_000),
      claim: percentiles(claims),
      promote: percentiles(within(run.promotions, from, to).map((promotion) => promotion.ms)),
      size: Math.max(...within(run.samples, from, to + 1_500).map(({ total }) => total)),
    };
  });
  const rows = [
    [
      'jobs/s',
      whole(first.rate),
      whole(last.rate),
      ratio(last.rate, first.rate),
      '≥ 0.95',
      last.rate >= first.rate * 0.95,
    ],
  ];
  for (const [name, bound] of [
    ['p50', 2],
    ['p99', 2],
    ['max', undefined],
  ]) {
    const [a, b] = [first.claim[name], last.claim[name]];
    rows.push([
      `a claim: ${name}`,
      ms(a),
      ms(b),
      ratio(b, a),
      bound ? `≤ ${bound}` : '',
      bound ? b <= a * bound : undefined,
    ]);
  }
  for (const name of ['p50', 'p99']) {
    rows.push([
      `a promotion: ${name}`,
      ms(first.promote[name]),
      ms(last.promote[name]),
      ratio(last.promote[name], first.promote[name]),
      '',
      undefined,
    ]);
  }
  const cost = (what, unit, from, to) =>
    median(within(run.costs, from, to + 1_500).map(({ costs }) => costs[what][unit]));
  for (const what of Object.keys(run.costs[0].costs)) {
    const [a, b] = [cost(what, 'buffers', 0, run.window), cost(what, 'buffers', length - run.window, length)];
    rows.push([`buffers of ${what}`, whole(a), whole(b), ratio(b, a), '≤ 1.20', b <= a * 1.2]);
  }
  for (const what of Object.keys(run.costs[0].costs)) {
    const [a, b] = [cost(what, 'ms', 0, run.window), cost(what, 'ms', length - run.window, length)];
    rows.push([`server's time for ${what}`, `${a.toFixed(2)} ms`, `${b.toFixed(2)} ms`, ratio(b, a), '', undefined]);
  }
  rows.push([
    'size of the schema, at most',
    mb(first.size),
    mb(last.size),
    ratio(last.size, first.size),
    '≤ 1.20',
    last.size <= first.size * 1.2,
  ]);
  return rows;
}

function totals(run) {
  const during = run.claims.filter(({ duringUpkeep }) => duringUpkeep).map((claim) => claim.ms);
  const beside = run.claims.filter(({ duringUpkeep }) => !duringUpkeep).map((claim) => claim.ms);
  const log = run.tables.filter(({ is_log }) => is_log);
  const rest = run.tables.filter(({ is_log, dead }) => !is_log && dead > 0);
  const { added, refused, lost, repeated } = run.audit;
  return [
    ['drain rate, filled before', `${whole(run.drainRate)}/s`],
    ['drain rate, while refilled', `${whole(run.refilledRate)}/s; fed at ${whole(run.fedRate)}/s`],
    ['jobs added (refused by their keys)', `${whole(added)} (${whole(refused)})`],
    ['jobs lost', `${lost}`, lost === 0],
    ['jobs repeated', `${repeated}`, repeated === 0],
    ['left in the queue at the end', JSON.stringify(run.open)],
    ['dead rows in a table of the log, at most, at any time', `${run.deadest}`, run.deadest === 0],
    ['rows updated or deleted in the log', `${sum(log.map(({ updated, deleted }) => updated + deleted))}`],
    ['dead rows elsewhere at the end', rest.map(({ table, dead }) => `${table} ${dead}`).join(', ') || 'none'],
    [
      'load average',
      `${Math.min(...run.samples.map(({ load }) => load)).toFixed(1)} – ${Math.max(...run.samples.map(({ load }) => load)).toFixed(1)}`,
    ],
    ['claims', whole(run.claims.length)],
    ['the longest claim while segments were rotated or reclaimed', during.length > 0 ? ms(Math.max(...during)) : '-'],
    ['the longest claim at other times', ms(Math.max(...beside))],
    [
      'the longest wait of maintenance for its locks, with its copying',
      ms(Math.max(0, ...run.upkeep.map((task) => task.ms))),
    ],
  ];
}

/** What became of the rotations and reclaims, by ring. */
function upkeep(run) {
  const rings = [...new Set(run.upkeep.map(({ ring }) => ring))].toSorted((a, b) => a.localeCompare(b));
  const lines = [
    '| ring | rotations | not rotated | reclaimed | other reclaims | longest | size at most |',
    '|---|---:|---:|---:|---|---:|---:|',
  ];
  for (const ring of rings) {
    const mine = run.upkeep.filter((task) => task.ring === ring);
    const reclaims = mine.filter(({ what }) => what === 'reclaim');
    const others = [...new Set(reclaims.map(({ became }) => became))].filter((became) => became !== 'reclaimed');
    lines.push(
      `| ${[
        ring,
        mine.filter(({ what, became }) => what === 'rotate' && became === true).length,
        mine.filter(({ what, became }) => what === 'rotate' && became !== true).length,
        reclaims.filter(({ became }) => became === 'reclaimed').length,
        others
          .map((became) => `${became ?? 'failed'} ${reclaims.filter((task) => task.became === became).length}`)
          .join(', '),
        ms(Math.max(...mine.map((task) => task.ms))),
        mb(Math.max(...run.samples.map(({ rings: bytes }) => bytes[ring] ?? 0))),
      ].join(' | ')} |`,
    );
  }
  return lines.join('\n');
}

function growth(run) {
  const { before, after } = run.catalogue;
  const truncated = run.upkeep.filter(({ became }) => became === 'reclaimed').length;
  const lines = [
    '| catalogue | bytes before | after | per TRUNCATE | dead rows before | after | per TRUNCATE |',
    '|---|---:|---:|---:|---:|---:|---:|',
  ];
  for (const [table, is] of Object.entries(after)) {
    const was = before[table];
    if (is.bytes === was.bytes && is.dead <= was.dead) continue;
    lines.push(
      `| ${table} | ${whole(was.bytes)} | ${whole(is.bytes)} | ${whole((is.bytes - was.bytes) / truncated)} | ${was.dead} | ${is.dead} | ${((is.dead - was.dead) / truncated).toFixed(1)} |`,
    );
  }
  return lines.join('\n');
}

/** By minute: jobs/s, size, dead rows of the catalogue would tell what grows. */
function course(run) {
  const lines = [
    '| minute | jobs/s | claim p50 | claim p99 | claim max | size at most | load |',
    '|---|---:|---:|---:|---:|---:|---:|',
  ];
  const step = run.minutes > 1 ? 60_000 : 20_000;
  for (let from = 0; from < run.minutes * 60_000 - 1; from += step) {
    const to = from + step;
    const claim = percentiles(within(run.claims, from, to).map((one) => one.ms));
    const samples = within(run.samples, from, to);
    lines.push(
      `| ${(to / 60_000).toFixed(step < 60_000 ? 1 : 0)} | ${whole(sum(within(run.seconds, from + 500, to + 500).map(({ jobs }) => jobs)) / (step / 1000))} | ${ms(claim.p50)} | ${ms(claim.p99)} | ${ms(claim.max)} | ${mb(Math.max(...samples.map(({ total }) => total)))} | ${Math.max(...samples.map(({ load }) => load)).toFixed(1)} |`,
    );
  }
  return lines.join('\n');
}

export function flatReport(title, run) {
  const rows = facts(run);
  const span = `${run.window / 1_000} s`;
  return `## ${title}

| | first ${span} | last ${span} | ratio | to be | is it |
|---|---:|---:|---:|---|---|
${rows.map(([what, a, b, c, bound, holds]) => `| ${what} | ${a} | ${b} | ${c} | ${bound} | ${holds === undefined ? '' : kept(holds)} |`).join('\n')}

| | | is it |
|---|---|---|
${totals(run)
  .map(([what, is, holds]) => `| ${what} | ${is} | ${holds === undefined ? '' : kept(holds)} |`)
  .join('\n')}

${upkeep(run)}

${growth(run)}

${course(run)}
`;
}
