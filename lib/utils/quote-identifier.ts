/** An SQL identifier, quoted: any name but one with a NUL character is safe in a statement then. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
