/**
 * What is done with each system, one file per workload. A workload has
 *
 * - `title`, `about`: what it does, for the tables;
 * - `repeats`: whether it runs three times;
 * - `variants`: cells that differ in a parameter, by name; `after`: only where that variant was done within its time;
 * - `profiles(adapter, quick)`: with which settings;
 * - `sizes`: `full` and `quick`; a `limit` there replaces the runner's, and `systems` names those it is run with;
 * - `run(environment, size, variant)`: `figures` by name; `isDone`, and if not, `ended`, what was done by then; `audit`,
 *   if jobs ran: how many were lost and repeated; `usage`, as `environment.measure()` says it;
 * - `columns`: what the table shows of the medians: `figure`, `variant`, `title`, `as` (how it is written), `isRate` (a
 *   rate so far is shown of what was not done). The first is compared with this package's.
 */
import w1 from './w1-add.mjs';
import w2 from './w2-add-bulk.mjs';
import w3 from './w3-drain.mjs';
import w4 from './w4-pickup.mjs';
import w5 from './w5-steady.mjs';
import w6 from './w6-pinned.mjs';
import w7 from './w7-backlog.mjs';
import w8 from './w8-delayed.mjs';
import w9 from './w9-crash.mjs';
import w10 from './w10-connections.mjs';

export const WORKLOADS = { w1, w2, w3, w4, w5, w6, w7, w8, w9, w10 };
