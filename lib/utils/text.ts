/** Longest name or key, in characters. */
export const MAX_TEXT_LENGTH = 200;

/** A NUL character, or half of a surrogate pair: PostgreSQL can store neither. */
export function hasUnstorableCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the NUL is what is looked for
  return /\0|\p{Surrogate}/u.test(text);
}

/** A text cut to a size, in characters that PostgreSQL can store: what it cannot is replaced, as TextEncoder does. */
export function storableText(text: unknown, characters: number): string {
  return Buffer.from(String(text).slice(0, characters), 'utf8').toString('utf8').replaceAll('\0', '\uFFFD');
}

/** What keeps a value from being a name or key, for a message; `undefined` when nothing does. */
export function textProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'must not be empty';
  if (isLonger(value, MAX_TEXT_LENGTH)) return `must be at most ${MAX_TEXT_LENGTH} characters long`;
  if (hasUnstorableCharacter(value)) return 'must not contain a NUL character or a lone surrogate';
  return undefined;
}

/** As `textProblem()`, for what also must not have control characters: the log separates what it packs with them. */
export function plainTextProblem(value: unknown): string | undefined {
  const problem = textProblem(value);
  if (problem !== undefined) return problem;
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return /[\u0000-\u001f]/.test(value as string) ? 'must not contain control characters (U+0000 to U+001F)' : undefined;
}

/** Counted as PostgreSQL counts: an emoji is one character, not two. */
function isLonger(text: string, max: number): boolean {
  if (text.length <= max) return false;
  if (text.length > 2 * max) return true;
  let count = 0;
  for (const _ of text) count++;
  return count > max;
}
