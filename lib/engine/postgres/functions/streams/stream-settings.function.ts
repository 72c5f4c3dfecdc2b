import type { SchemaNames } from '../../schema-names.js';

/** What a stream keeps and for how long, as far as a configuration says it; written when it differs. */
export const setStreamSettings = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.set_stream_settings(_stream_id int, _settings jsonb) returns void
language sql as $fn$
update ${s}.queue q set settings = q.settings || _settings
 where q.queue_id = _stream_id and q.kind = 's' and not q.settings @> _settings
$fn$`;
