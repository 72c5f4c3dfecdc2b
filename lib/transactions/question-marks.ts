/**
 * A statement whose `$1` are `?`, with a value for each of them, in their order. A `?` that is part of a name or a literal is
 * escaped, and a `$1` there stays what it is: schemas may be called anything.
 */
export function withQuestionMarks<T>(
  text: string,
  values: readonly T[],
): { readonly sql: string; readonly bindings: T[] } {
  const bindings: T[] = [];
  const sql = text.replaceAll(/"(?:[^"]|"")*"|'(?:[^']|'')*'|\$(\d+)/g, (part, number?: string) => {
    if (number === undefined) return part.replaceAll('?', '\\?');
    bindings.push(values[Number(number) - 1]!);
    return '?';
  });
  return { sql, bindings };
}
