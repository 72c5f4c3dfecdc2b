/**
 * Whether a row of a segment was written in this cluster, rather than brought along: its transaction is PostgreSQL's own mark, too.
 * In a subtransaction that is a later one: then the transaction has begun after the segment, whose placeholder came along, was
 * brought here.
 */
export const writtenHere = (table: string, row: string, key: 'queue_id' | 'stream_id' = 'queue_id'): string => {
  const mark = `${row}.xmin::text::bigint`;
  const transaction = `mod(${row}.txid::text::numeric, 4294967296)`;
  const brought = `(select max(p.xmin::text::bigint) from ${table} p where p.${key} = 0)`;
  return `(${mark} = ${transaction} or (${transaction} > ${brought} and ${transaction} < ${mark}))`;
};
