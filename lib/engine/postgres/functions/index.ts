import type { SchemaNames } from '../schema-names.js';
import { activeJobs, delayedJobs, waitingJobs } from './waiting-jobs.function.js';
import { add, durationMs, jobShape, notifyOnce } from './add.function.js';
import { addJobs } from './add-jobs.function.js';
import { beat, registerWorker, retireWorker } from './worker.function.js';
import { claim } from './claim.function.js';
import { claimed, claimStatus } from './claimed.function.js';
import { completeIn } from './complete-in.function.js';
import { countJobs } from './count-jobs.function.js';
import { cursorHasPassed, laneHasPassed } from './lane-has-passed.function.js';
import { ensureQueue } from './ensure-queue.function.js';
import { findJob, jobRecord } from './job-record.function.js';
import { finish, follow, nextRuns } from './finish.function.js';
import { homeLane } from './home-lane.function.js';
import { jobIsAlive } from './job-is-alive.function.js';
import { lanesInUse } from './lanes-in-use.function.js';
import { listJobs } from './list-jobs.function.js';
import { lockKey } from './lock-key.function.js';
import { nameLane } from './name-lane.function.js';
import { promote } from './promote.function.js';
import { removeJob } from './remove-job.function.js';
import { retryDead } from './retry-dead.function.js';
import { takeCustomId, takeUniqueKey } from './take-key.function.js';
import { windowIntervals } from './window-intervals.function.js';

/** Everything a process does to the log, as functions of the schema; a function stands after those its body is checked against. */
export function functions(names: SchemaNames): string[] {
  return [
    lockKey,
    homeLane,
    cursorHasPassed,
    laneHasPassed,
    windowIntervals,
    ensureQueue,
    nameLane,
    lanesInUse,
    jobIsAlive,
    jobRecord,
    findJob,
    takeUniqueKey,
    takeCustomId,
    addJobs,
    notifyOnce,
    durationMs,
    jobShape,
    add,
    claimed,
    claimStatus,
    claim,
    nextRuns,
    follow,
    finish,
    completeIn,
    promote,
    waitingJobs,
    delayedJobs,
    activeJobs,
    listJobs,
    countJobs,
    removeJob,
    retryDead,
    registerWorker,
    beat,
    retireWorker,
  ].map((define) => define(names).trim());
}
