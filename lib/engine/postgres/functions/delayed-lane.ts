/** The lane number under which a queue keeps the cursor of its delayed jobs among the leases. */
export const DELAYED_LANE = -2147483648;
/** Behind every place of a transaction and job. */
export const LAST_TXID = `'18446744073709551615'::xid8`;
export const LAST_JOB = '9223372036854775807';
