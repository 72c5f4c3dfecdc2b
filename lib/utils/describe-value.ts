const MAX_LENGTH = 80;

/** A value for an error message, as `'false' (string)`: short, on one line, without the password of a connection string. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `'${shorten(withoutPassword(value))}' (string)`;
    case 'number':
    case 'boolean':
      return `${value} (${typeof value})`;
    case 'bigint':
      return `${shorten(String(value))}n (bigint)`;
    case 'symbol':
      return shorten(String(value));
    case 'function':
      return value.name ? `function ${shorten(value.name)}` : 'a function';
    case 'object':
      return describeObject(value);
    default:
      return 'undefined';
  }
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `Date ${value.toISOString()}`;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `an instance of ${name}` : 'an object';
}

function withoutPassword(text: string): string {
  return text.replace(/(:\/\/)[^/@]*@/, '$1***@').replace(/(password=)[^\s&]*/gi, '$1***');
}

function shorten(text: string): string {
  // JSON escapes what would break the line
  const line = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return line.length > MAX_LENGTH ? `${line.slice(0, MAX_LENGTH)}…` : line;
}
