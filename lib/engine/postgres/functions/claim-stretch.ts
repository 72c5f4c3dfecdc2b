import { PACK_SEPARATOR_SQL, perSegment } from '../schema-names.js';

/**
 * The next runs of a stretch of a lane, packed into one row: a claim of 500 then costs two rows, not 500. Misfits are those that
 * may have to stay or to move, or that are larger than their share of the bytes: with one among them the stretch is cut
 * first. A running sum of the bytes would cost all others half as much again.
 */
export const takeStretch = (s: string, only = ''): string => `
      select count(*), array_agg(e.job_id), array_agg(e.run),
             (array_agg(e.txid))[count(*)::int], sum(octet_length(e.payload))::bigint,
             count(*) filter (where not e.name = any(_names) or e.name = any(_full) or octet_length(e.payload) > _share),
             array_agg(e.attempt)::text, array_agg(e.max_attempts)::text,
             array_agg(floor(date_part('epoch', e.created_at) * 1000)::bigint)::text, json_agg(e.name)::text,
             case when count(e.options) > 0 then json_agg(e.options)::text end,
             case when count(e.meta) > 0 then json_agg(e.meta)::text end,
             string_agg(e.payload, ${PACK_SEPARATOR_SQL}) filter (where octet_length(e.payload) <= _share)
        into _taken, _taken_ids, _taken_runs, _last_txid, _size, _misfits, attempts, max_attempts, created, names, options, meta, payloads
        from (
          select e.txid, e.job_id, e.run, e.attempt, e.max_attempts, e.name, e.payload, e.options, e.meta, e.created_at
            from ${s}.entry e
           where e.queue_id = _queue_id and e.lane = _lane
             and (e.txid, e.job_id) > (_lo_txid, _lo_job) and e.txid < _end
             and e.txid <> all(_rest)${only}
           order by e.txid, e.job_id limit _most
        ) e`;

/** Of a stretch that is cut: what lies before the cut, has a place here and was not ended while it waited. */
export const wanted = (s: string): string => `
             and (e.txid < _pos_txid or (e.txid = _pos_txid and e.job_id <= _pos_job))
             and (_names is null or e.name = any(_names)) and (_full is null or e.name <> all(_full))
             and not exists (select from ${s}.result r
               where r.queue_id = _queue_id and r.job_id = e.job_id and r.run = e.run and r.revoked)`;

/** Where a stretch ends when some of its runs cannot be taken: a prefix, up to the bytes and the moves that are left. */
export const cutStretch = (s: string): string => `
            select count(*), max(c.seen) as seen,
                   (array_agg(c.txid order by c.txid, c.job_id))[count(*)::int] as txid,
                   (array_agg(c.job_id order by c.txid, c.job_id))[count(*)::int] as job_id,
                   coalesce(array_agg(c.job_id order by c.txid, c.job_id) filter (where c.stranger), '{}') as strangers,
                   coalesce(array_agg(c.run order by c.txid, c.job_id) filter (where c.stranger), '{}') as stranger_runs
              into _cut
              from (
                select p.txid, p.job_id, p.run, p.stranger, p.size, count(*) over () as seen,
                       count(*) filter (where p.stranger) over place as strangers, sum(p.size) over place as so_far
                  from (
                    select e.txid, e.job_id, e.run,
                           r.revoked is null and not ((_names is null or e.name = any(_names)) and (_full is null or e.name <> all(_full)))
                             as stranger,
                           case when r.revoked is null then octet_length(e.payload) else 0 end as size
                      from ${s}.entry e
                      left join lateral (select x.revoked from ${s}.result x
                        where x.queue_id = _queue_id and x.job_id = e.job_id and x.run = e.run and x.revoked limit 1) r on true
                     where e.queue_id = _queue_id and e.lane = _lane
                       and (e.txid, e.job_id) > (_lo_txid, _lo_job) and e.txid < _end
                       and e.txid <> all(_rest)
                     order by e.txid, e.job_id limit _most
                  ) p
                window place as (order by p.txid, p.job_id rows unbounded preceding)
              ) c
             where c.strangers <= _moves_left and c.so_far - c.size < _bytes_left`;

/** Moves the strangers of a stretch to the lanes of their names: the same job, its next run, no attempt charged. */
export const moveStrangers = (s: string): string => `
            for _m in
              select e.job_id, e.run, ${s}.name_lane(_queue_id, e.name, coalesce((e.options->>'priority')::smallint, 0::smallint)) as lane
                from unnest(_cut.strangers, _cut.stranger_runs) j (job_id, run)
               cross join lateral (select f.* from ${s}.entry f
                 where f.queue_id = _queue_id and f.job_id = j.job_id and f.run = j.run limit 1) e
               order by e.txid, e.job_id
            loop
              ${perSegment(
                '_entry_seg',
                (i) => `
              insert into ${s}.entry_${i} (queue_id, lane, job_id, created_at, run, attempt, max_attempts, lost, name, payload, options, meta)
              select e.queue_id, _m.lane, e.job_id, e.created_at, e.run + 1, e.attempt, e.max_attempts, e.lost, e.name, e.payload, e.options, e.meta
                from ${s}.entry e where e.queue_id = _queue_id and e.job_id = _m.job_id and e.run = _m.run;`,
              )}
              ${perSegment(
                '_result_seg',
                (i) => `
              insert into ${s}.result_${i} (queue_id, job_id, run, state) values (_queue_id, _m.job_id, _m.run, 'm');`,
              )}
              _moves_left := _moves_left - 1;
              _moved_to := _moved_to || _m.lane;
            end loop;`;
