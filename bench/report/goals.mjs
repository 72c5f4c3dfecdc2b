import { lookUp } from './summary.mjs';

const ON_POSTGRES = ['graphile-worker', 'pg-boss', 'bullmq-postgres'];
const PEERS = [...ON_POSTGRES, 'bullmq-redis-everysec', 'bullmq-redis-always'];
const whole = (value) => Math.round(value).toLocaleString('en-US');
const two = (value) => value.toFixed(2);

/** What this package is to reach, with its default options: by workload, read from the medians of one run. */
export function goals(summary) {
  const ours = (workload, variant, figure) => lookUp(summary, workload, 'pgqueue', 'default', variant, figure);
  const all = (systems, profiles, workload, variant, figure) =>
    systems
      .flatMap((system) => profiles.map((profile) => lookUp(summary, workload, system, profile, variant, figure)))
      .filter((value) => value !== undefined);
  const both = ['default', 'tuned'];
  const best = (...which) => Math.max(...all(PEERS, ...which));
  const least = (systems, ...which) => Math.min(...all(systems, both, ...which));
  const redis = (...which) => least(['bullmq-redis-everysec'], ...which);

  return [
    atLeast(
      'w1',
      'faster than every peer, 16 callers',
      ours('w1', '16', 'rate'),
      best(both, 'w1', '16', 'rate'),
      whole,
    ),
    atLeast('w2', '3 × the best peer', ours('w2', '', 'rate'), 3 * best(both, 'w2', '', 'rate'), whole),
    atLeast(
      'w3',
      '3 × the best of the peers’ tuned figures',
      ours('w3', '1', 'rate'),
      3 * best(['tuned'], 'w3', '1', 'rate'),
      whole,
    ),
    atLeast(
      'w3',
      '10 × BullMQ on Redis at its default',
      ours('w3', '1', 'rate'),
      10 * (lookUp(summary, 'w3', 'bullmq-redis-everysec', 'default', '1', 'rate') ?? NaN),
      whole,
    ),
    atLeast('w3', 'two processes more than one', ours('w3', '2', 'rate'), ours('w3', '1', 'rate'), whole),
    atMost(
      'w4',
      'p50 better than every PostgreSQL peer',
      ours('w4', '', 'p50'),
      least(ON_POSTGRES, 'w4', '', 'p50'),
      two,
    ),
    atMost(
      'w4',
      'p99 better than every PostgreSQL peer',
      ours('w4', '', 'p99'),
      least(ON_POSTGRES, 'w4', '', 'p99'),
      two,
    ),
    atMost('w4', 'p50 within 1.3 × BullMQ on Redis', ours('w4', '', 'p50'), 1.3 * redis('w4', '', 'p50'), two),
    atMost('w4', 'p99 within 1.3 × BullMQ on Redis', ours('w4', '', 'p99'), 1.3 * redis('w4', '', 'p99'), two),
    atMost(
      'w5',
      'half the WAL of the best PostgreSQL peer',
      ours('w5', '', 'journalPerJob'),
      least(ON_POSTGRES, 'w5', '', 'journalPerJob') / 2,
      whole,
    ),
    atMost(
      'w5',
      'half the CPU of the best PostgreSQL peer',
      ours('w5', '', 'cpuPerJob'),
      least(ON_POSTGRES, 'w5', '', 'cpuPerJob') / 2,
      two,
    ),
    atMost('w5', 'p50 ≤ 1.0 ms', ours('w5', '', 'p50'), 1, two),
    atMost('w5', 'p99 ≤ 3 ms', ours('w5', '', 'p99'), 3, two),
    atLeast('w6', 'the last ≥ 95 % of the first', ours('w6', '', 'kept'), 0.95, two),
    atLeast('w7', 'within 10 % of the small case', ours('w7', '', 'ratio'), 0.9, two),
    atLeast('w8', 'within 10 % of the small case', ours('w8', '', 'ratio'), 0.9, two),
    atMost('w9', '≤ 6 s', ours('w9', '', 'seconds'), 6, two),
    atMost('w10', 'pool + 1', ours('w10', '', 'most'), 11, whole),
  ];
}

const atLeast = (workload, text, is, bound, write) => goal(workload, text, is, bound, write, is >= bound, '≥');
const atMost = (workload, text, is, bound, write) => goal(workload, text, is, bound, write, is <= bound, '≤');

function goal(workload, text, is, bound, write, isReached, sign) {
  const isKnown = Number.isFinite(is) && Number.isFinite(bound);
  const verdict = isReached ? 'reached' : 'missed';
  return {
    workload,
    text,
    verdict: isKnown ? verdict : 'not measured',
    shown: isKnown ? `${write(is)}, to be ${sign} ${write(bound)}` : '',
  };
}
