/** What a group numbers by itself, as an id that is unique in the installation: a batch by its claim, a dead letter by its event. */
export const scopedId = (groupId: number, n: string): string => `${groupId}.${n}`;

export interface ScopedId {
  readonly groupId: number;
  /** A bigint as text. */
  readonly n: string;
}

const MAX_INT = 2 ** 31 - 1;

/** Undefined for what was never one. */
export function readScopedId(id: string): ScopedId | undefined {
  const [, group, n] = /^(\d{1,10})\.(\d{1,18})$/.exec(id) ?? [];
  return n === undefined || Number(group) > MAX_INT ? undefined : { groupId: Number(group), n };
}
