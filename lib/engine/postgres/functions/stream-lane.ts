/** The lane number under which a group keeps its cursor in its stream among the leases. */
export const STREAM_LANE = -2147483647;
