import type {
  StandardSchema,
  StandardSchemaIssue,
  StandardSchemaResult,
} from '../interfaces/standard-schema.interface.js';
import { memberPath } from './member-path.js';

/** What a schema made of a value. */
export interface Fitted {
  readonly value: unknown;
  readonly issues?: undefined;
}

/** That, or what does not fit it. */
export type Validated = Fitted | { readonly issues: readonly StandardSchemaIssue[] };

/** Said of one that fails, at most. */
const SAID = 5;

/** At once, unless the schema is asynchronous. Throws what the schema throws. */
export function validate(schema: StandardSchema, value: unknown): Validated | Promise<Validated> {
  const result = schema['~standard'].validate(value);
  return 'then' in result ? Promise.resolve(result).then(read) : read(result);
}

function read(result: StandardSchemaResult<unknown>): Validated {
  if (result.issues === undefined) return { value: result.value };
  // not map(): of an array of a class of its own, as arktype's is, that calls the constructor of that
  return { issues: Array.from(result.issues, plain) };
}

/** Without whatever else its library puts in there, as the value: of every library the same, and fit for a log. */
function plain({ message, path }: StandardSchemaIssue): StandardSchemaIssue {
  return { message, path: Array.from(path ?? [], (at) => (typeof at === 'object' ? at.key : at)) };
}

/** Where the first issue is, as `data.user.name`. */
export function pathOfIssues(issues: readonly StandardSchemaIssue[], root: string): string {
  return pathOf(issues[0], root);
}

/** For messages: `data.to: Invalid email; data.age: Expected number`. */
export function describeIssues(issues: readonly StandardSchemaIssue[], root: string): string {
  const said = issues.slice(0, SAID).map((issue) => `${pathOf(issue, root)}: ${issue.message}`);
  return issues.length > SAID ? `${said.join('; ')}; and ${issues.length - SAID} more` : said.join('; ');
}

function pathOf(issue: StandardSchemaIssue | undefined, root: string): string {
  return (issue?.path ?? []).reduce<string>((path, at) => {
    const key = typeof at === 'object' ? at.key : at;
    return memberPath(path, typeof key === 'symbol' ? String(key) : key);
  }, root);
}
