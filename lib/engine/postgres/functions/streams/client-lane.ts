/**
 * The lane number under which a group keeps the batches that it hands out to clients. Its newest lease is the only one that may
 * be open: `job_ids[1]` stands for the batch, and ends with it. What is in it: a batch of the stream, whose lease's number is
 * `pos_job`, and its lane `from_job`; or, where they are null, runs of the group, which stand behind it in `job_ids` and `runs`.
 */
export const CLIENT_LANE = -2147483500;
