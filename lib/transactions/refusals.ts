/** Of a handle that is not a transaction. */
export function commitsAtOnce(what: string, instead: string): string {
  return `${what}, which would commit at once, outside of your transaction; pass ${instead}`;
}

/** Of a transaction that was committed or rolled back. */
export function hasEnded(what: string): string {
  return `${what} that has ended; await what is written with it before you commit`;
}
