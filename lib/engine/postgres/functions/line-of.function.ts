import type { SchemaNames } from '../schema-names.js';

/** The lane a job stands in by itself, as an expression: its name's and priority's, where there is one, or its priority's. */
export const lineOfExpression = (s: string, name: string, options: string): string => `coalesce(
  (select l.lane from ${s}.lane l where l.queue_id = _queue_id and l.kind = 'n' and l.name = ${name}
    and l.priority = coalesce((${options}->>'priority')::smallint, 0::smallint)),
  (${options}->>'priority')::int, 0)`;

export const lineOf = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.line_of(_queue_id int, _name text, _options jsonb) returns int
language sql stable
return ${lineOfExpression(s, '_name', '_options')}`;
