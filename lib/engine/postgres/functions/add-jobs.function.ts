import { currentSegment } from '../rings.js';
import { PACK_SEPARATOR_SQL, perSegment, readAndLetGo, type SchemaNames } from '../schema-names.js';
import { lineOfExpression } from './line-of.function.js';

const COLUMNS = 'queue_id, lane, job_id, created_at, run, attempt, max_attempts, name, payload, options';

/**
 * Appends jobs, all or none. `shapes` holds each distinct set of name and options once, `payloads` the data of every job,
 * packed, and `shape_of` each job's shape (null: all have the first).
 *
 * - The one statement of `add()`, `addBulk()` and SQL's `add()`; text parameters only, safe on any driver's connection.
 * - No lock is held to the caller's commit, but for a unique key or custom id. Those are taken in their own order, so
 *   that two bulk adds with the same keys wait for each other and never deadlock.
 * - Job ids are drawn in order, so jobs of one call leave in the order they were given.
 * - Jobs of one kind that run now and have no key, nearly all there are, take one insert.
 *
 * Returns the ids as an array's text, the time, which jobs are another's (existing) as JSON by position, and what to
 * notify: `queue:lane`, and `queue:d:ms` when something is delayed.
 */
export const addJobs = ({ schema: s }: SchemaNames): string => `
create or replace function ${s}.add_jobs(
  _queue_id int, _shapes text, _shape_of text, _payloads text,
  out ids text, out at text, out existing text, out wake text
) language plpgsql as $fn$
#variable_conflict use_column
declare
  _shape jsonb := _shapes::jsonb;
  _options jsonb := nullif(_shape->0->'options', 'null');
  _data text[] := string_to_array(_payloads, ${PACK_SEPARATOR_SQL});
  _at timestamptz := clock_timestamp();
  _ids bigint[];
  _name text;
  _segment smallint;
  _lane int;
  _due timestamptz;
  _x record;
  _found bigint;
  _existing jsonb;
  _record jsonb;
  _wake text[] := '{}';
  _of int[];
begin
  at := floor(date_part('epoch', _at) * 1000)::bigint;
  if _shape_of is null and (_options is null or not _options ?| '{uniqueKey,jobId,delay,runAt}') then
    _name := _shape->0->>'name';
    select ${lineOfExpression(s, '_name', '_options')}, ${currentSegment(s, 'entry')} into _lane, _segment;
    ${perSegment(
      '_segment',
      (i) => `
    with added as (
      insert into ${s}.entry_${i} (${COLUMNS.replace('job_id, ', '')})
      select _queue_id, _lane, _at, 1, 1, (_shape->0->>'attempts')::smallint, _name, p.data, _options
        from unnest(_data) p (data)
      returning job_id
    )
    select array_agg(a.job_id)::text into ids from added a;`,
    )}
    wake := _queue_id || ':' || _lane;
    return;
  end if;

  select array_agg(nextval('${s.replaceAll("'", "''")}.job_id')) into _ids from generate_series(1, cardinality(_data));

  for _x in
    select (x.i - 1)::int as i, x.shape->>'name' as name, (x.shape->>'attempts')::smallint as attempts,
           nullif(x.shape->'options', 'null') as options,
           x.shape->'options'->>'uniqueKey' as key, x.shape->'options'->>'jobId' as custom_id,
           (x.shape->'options'->>'delay')::float8 as delay, (x.shape->'options'->>'runAt')::timestamptz as run_at,
           o.places
      from jsonb_array_elements(_shape) with ordinality x (shape, i)
      left join (
        select s.shape::int as shape, array_agg(s.i::int order by s.i) as places
          from unnest(string_to_array(_shape_of, ',')) with ordinality s (shape, i) group by 1
      ) o on o.shape = x.i - 1
     order by x.shape->'options'->>'jobId', x.shape->'options'->>'uniqueKey', x.i
  loop
    -- null: all of them
    _of := _x.places;

    loop
      _found := null;
      if _x.custom_id is not null then
        _found := ${s}.take_custom_id(_queue_id, _x.custom_id, _ids[coalesce(_of[1], 1)]);
      end if;
      if _found is null and _x.key is not null then
        _found := ${s}.take_unique_key(_queue_id, _x.key, _ids[coalesce(_of[1], 1)]);
      end if;
      exit when _found is null;
${readAndLetGo(`      _record := ${s}.job_record(_queue_id, _found);`)}
      -- it may have gone in between: then the key is free
      exit when _record is not null;
    end loop;
    if _found is not null then
      _existing := coalesce(_existing, '{}') || jsonb_build_object((coalesce(_of[1], 1) - 1)::text, _record);
      continue;
    end if;

    _lane := ${s}.line_of(_queue_id, _x.name, _x.options);
    _due := coalesce(_x.run_at, _at + _x.delay * interval '1 millisecond');

    if _due > _at then
      select r.current into _segment from ${s}.ring r where r.ring = 'delayed';
      ${perSegment(
        '_segment',
        (i) => `
      insert into ${s}.delayed_${i} (${COLUMNS}, run_at)
      select _queue_id, _lane, _ids[p.i], _at, 1, 1, _x.attempts, _x.name, p.data, _x.options, _due
        from unnest(_data) with ordinality p (data, i) where _of is null or p.i = any(_of);`,
      )}
      _wake := _wake || (_queue_id || ':d:' || (date_part('epoch', _due) * 1000)::bigint);
    else
      select r.current into _segment from ${s}.ring r where r.ring = 'entry';
      if _of is null then
        ${perSegment(
          '_segment',
          (i) => `
        insert into ${s}.entry_${i} (${COLUMNS})
        select _queue_id, _lane, _ids[p.i], _at, 1, 1, _x.attempts, _x.name, p.data, _x.options
          from unnest(_data) with ordinality p (data, i);`,
        )}
      else
        ${perSegment(
          '_segment',
          (i) => `
        insert into ${s}.entry_${i} (${COLUMNS})
        select _queue_id, _lane, _ids[o.i], _at, 1, 1, _x.attempts, _x.name, _data[o.i], _x.options
          from unnest(_of) o (i);`,
        )}
      end if;
      _wake := _wake || (_queue_id || ':' || _lane);
    end if;
  end loop;
  ids := _ids;
  existing := _existing;
  select string_agg(distinct w, ' ') into wake from unnest(_wake) w;
end
$fn$`;
