import type { GroupCheck } from '../../engine/maintenance-engine.interface.js';
import type { Log } from '../../utils/log.js';

/** Says what is news of a group that is late. */
export function reportGroup(check: GroupCheck, log: Log): void {
  const { stream, group, events, age, dropAfter, dropped, droppedSince, says } = check;
  const name = `Group '${group}' of stream '${stream}'`;
  const waits = `${count(events, 'event')} to take${age === null ? '' : `, the oldest published ${period(age)} ago`}`;
  switch (says) {
    case 'behind':
      log.warn(
        `${name} is far behind: ${waits}. ` +
          (dropAfter === null
            ? 'They are kept until it takes them, or is unsubscribed'
            : `It loses what is older than ${period(dropAfter)}`),
      );
      break;
    case 'dropped':
      log.warn(
        `${name} lost ${count(droppedSince, 'event')} that it had not taken for ${period(dropAfter ?? 0)}, ` +
          `${count(dropped, 'event')} so far; ${waits}`,
      );
      break;
    case 'caught up':
      log.log(`${name} has caught up`);
      break;
    case null:
      break;
  }
}

function count(n: number, what: string): string {
  return `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

function period(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms >= 2 * length) ?? UNITS.at(-1)!;
  return count(Math.floor(ms / size), unit);
}
