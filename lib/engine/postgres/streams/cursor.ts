/** A cursor of a stream, as the log has it; snapshots and numbers as text. */
export interface StreamCursor {
  /** The older snapshot, while it stands among the stragglers. */
  readonly s0: string | null;
  readonly s1: string;
  /** The place it stands behind; null: all that `s1` sees is passed. */
  readonly place: { readonly txid: string; readonly id: string } | null;
}

const SNAPSHOT = String.raw`\d{1,20}:\d{1,20}:(?:\d{1,20}(?:,\d{1,20})*)?`;
const FORM = new RegExp(`^(${SNAPSHOT})?/(${SNAPSHOT})/(?:(\\d{1,20})/(\\d{1,19}))?$`);

/** Of ids of events, and of transactions: the log turns both into bigints. */
const MAX = 2n ** 63n - 1n;

/** All that there ever was comes behind it. */
export const START: StreamCursor = { s0: null, s1: '1:1:', place: null };

export function writeCursor({ s0, s1, place }: StreamCursor): string {
  return `${s0 ?? ''}/${s1}/${place === null ? '' : `${place.txid}/${place.id}`}`;
}

/** Undefined for what is no cursor, and for what PostgreSQL would not read. */
export function readCursor(text: string): StreamCursor | undefined {
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const [, s0, s1, txid = '0', id = '0'] = parts;
  if ((s0 !== undefined && !isSnapshot(s0)) || !isSnapshot(s1!)) return undefined;
  if (BigInt(txid) > MAX || BigInt(id) > MAX) return undefined;
  return { s0: s0 ?? null, s1: s1!, place: parts[3] === undefined ? null : { txid, id } };
}

/** Whether the transactions in progress are in order, and between those that all are over and those that had not begun. */
function isSnapshot(text: string): boolean {
  const [xmin, xmax, running] = text.split(':') as [string, string, string];
  const places = [xmin, ...(running === '' ? [] : running.split(','))].map(BigInt);
  const end = BigInt(xmax);
  return (
    places[0]! > 0n &&
    places[0]! <= end &&
    end <= MAX &&
    places.every((place, i) => i === 0 || (place >= places[i - 1]! && place < end))
  );
}
