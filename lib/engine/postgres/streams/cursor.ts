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

/** All that there ever was comes behind it. */
export const START: StreamCursor = { s0: null, s1: '1:1:', place: null };

export function writeCursor({ s0, s1, place }: StreamCursor): string {
  return `${s0 ?? ''}/${s1}/${place === null ? '' : `${place.txid}/${place.id}`}`;
}

/** Undefined for what is no cursor. */
export function readCursor(text: string): StreamCursor | undefined {
  const parts = FORM.exec(text);
  if (parts === null) return undefined;
  const [, s0, s1, txid, id] = parts;
  return { s0: s0 ?? null, s1: s1!, place: txid === undefined ? null : { txid, id: id! } };
}
