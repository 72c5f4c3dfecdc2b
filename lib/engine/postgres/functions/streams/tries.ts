/**
 * What is known of the event that comes next after a lease: of a cursor that was moved back it is said what comes first; of a
 * batch, what is left of that.
 */
export const nextTries = (lease: string): string =>
  `case when ${lease}.from_s1 is null then ${lease}.tries else nullif(jsonb_strip_nulls(jsonb_build_object(
        'single', case when (${lease}.tries->>'single')::int > 1 then (${lease}.tries->>'single')::int - 1 end,
        'skip', case when ${lease}.pos_txid is not null then ${lease}.tries->'skip' end)), '{}') end`;
