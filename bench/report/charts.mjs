import * as echarts from 'echarts';
import { loadAdapter, SYSTEMS } from '../adapters/index.mjs';

const COLOURS = ['#2563eb', '#93c5fd', '#f59e0b', '#fcd34d'];
const series = (variant, figure, name) => ({ variant, figure, name });

/** What is drawn: by workload, a bar for each of a system's figures. */
const CHARTS = {
  w1: {
    title: 'Adding one by one (jobs/s)',
    series: [series('16', 'rate', '16 callers'), series('1', 'rate', '1 caller')],
  },
  w2: { title: 'Adding in bulk (jobs/s)', series: [series('', 'rate', 'jobs/s')] },
  w3: {
    title: 'Draining no-op jobs (jobs/s)',
    series: [series('1', 'rate', 'one process'), series('2', 'rate', 'two processes')],
  },
  w4: {
    title: 'Idle pickup (ms, logarithmic)',
    log: true,
    series: [series('', 'p50', 'p50'), series('', 'p99', 'p99')],
  },
  w5: {
    title: '500 jobs/s, from add() to the handler (ms, logarithmic)',
    log: true,
    series: [series('', 'p50', 'p50'), series('', 'p99', 'p99')],
  },
  w6: {
    title: 'Draining while a transaction stays open (jobs/s)',
    series: [series('', 'first', 'first ten seconds'), series('', 'last', 'last ten seconds')],
  },
  w9: {
    title: 'A process is killed: all done elsewhere (s; 60: not done)',
    series: [series('', 'seconds', 'seconds')],
  },
};

/** SVG by workload, of those that were measured. */
export async function drawCharts(summary) {
  const drawn = {};
  for (const [workload, chart] of Object.entries(CHARTS)) {
    const rows = Object.values(summary[workload] ?? {})
      .filter(({ variants }) => Object.values(variants).some(({ repetitions }) => repetitions > 0))
      .toSorted((a, b) => SYSTEMS.indexOf(a.system) - SYSTEMS.indexOf(b.system));
    if (rows.length > 0) drawn[workload] = await draw(chart, rows);
  }
  return drawn;
}

async function draw({ title, log, series: bars }, rows) {
  const names = await Promise.all(
    rows.map(async ({ system, profile }) => `${(await loadAdapter(system)).title}, ${profile}`),
  );
  const height = 90 + rows.length * (14 + 16 * bars.length);
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 860, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    title: { text: title, left: 10, top: 8, textStyle: { fontSize: 15 } },
    legend: { show: bars.length > 1, right: 10, top: 10 },
    // wide enough for the longest name in any font
    grid: { left: 260, right: 80, top: 45, bottom: 30 },
    // bars of a logarithmic axis begin at 1 otherwise
    xAxis: { type: log ? 'log' : 'value', min: log ? 0.1 : 0, ...(log && { startValue: 0.1 }) },
    yAxis: { type: 'category', data: names, inverse: true, axisTick: { show: false } },
    series: bars.map(({ variant, figure, name }) => ({
      name,
      type: 'bar',
      label: { show: true, position: 'right', formatter: ({ value }) => (value === null ? '' : written(value)) },
      data: rows.map(({ variants }) => variants[variant]?.figures[figure]?.median ?? null),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function written(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 10 ? 2 : 1);
}
