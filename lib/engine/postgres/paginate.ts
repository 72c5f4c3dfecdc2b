/** A statement takes this many rows, or this many characters of data, and more go into a second one. */
const STATEMENT_ROWS = 5_000;
const STATEMENT_CHARACTERS = 16 * 1024 * 1024;

interface Sized {
  readonly data: string;
  /** Of events. */
  readonly headers?: string | null;
}

/** Splits what is appended into what fits one statement. */
export function paginate<Draft extends Sized>(drafts: readonly Draft[]): Draft[][] {
  const pages: Draft[][] = [[]];
  let characters = 0;
  for (const draft of drafts) {
    const page = pages.at(-1)!;
    const length = draft.data.length + (draft.headers?.length ?? 0);
    characters += length;
    if (page.length > 0 && (page.length >= STATEMENT_ROWS || characters > STATEMENT_CHARACTERS)) {
      pages.push([draft]);
      characters = length;
    } else {
      page.push(draft);
    }
  }
  return pages;
}
