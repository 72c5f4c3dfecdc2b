import type { StandardSchemaIssue } from '../interfaces/standard-schema.interface.js';
import { memberPath } from './member-path.js';

/** A value may have any number of issues; these are kept with the job. */
const MOST_IN_MESSAGE = 10;

/** Where an issue of a job's data is, as `data.user.name`. */
export function issuePath(issue: StandardSchemaIssue | undefined, property?: string): string {
  const start = property === undefined ? 'data' : memberPath('data', property);
  return (issue?.path ?? []).reduce<string>((path, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment;
    return memberPath(path, typeof key === 'symbol' ? String(key) : key);
  }, start);
}

/** `data.to: Invalid email; data.count: Expected a number`. */
export function issuesForMessage(issues: readonly StandardSchemaIssue[], property?: string): string {
  const said = issues.slice(0, MOST_IN_MESSAGE).map((issue) => `${issuePath(issue, property)}: ${issue.message}`);
  const more = issues.length - said.length;
  return `${said.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
