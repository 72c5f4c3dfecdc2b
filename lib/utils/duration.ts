const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Ten years of milliseconds: a longer duration is a mistake of units. */
export const MAX_DURATION = 10 * 365.25 * 86_400_000;

/** For messages. */
export const DURATION_FORMAT = `milliseconds or a string such as '250ms', '30s', '15m', '6h', '3d', '1w', at most ten years`;

/** Milliseconds, whole (rounded up); `undefined` for what is no duration: negative, not finite, an unknown unit, over ten years. */
export function parseDuration(value: unknown): number | undefined {
  const ms = typeof value === 'number' ? value : typeof value === 'string' ? parseText(value) : undefined;
  // written so that NaN fails
  return ms !== undefined && ms >= 0 && ms <= MAX_DURATION ? Math.ceil(ms) : undefined;
}

function parseText(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text);
  return match ? Number(match[1]) * (UNITS[match[2]!] ?? Number.NaN) : undefined;
}
