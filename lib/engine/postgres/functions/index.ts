import type { SchemaNames } from '../schema-names.js';
import { activeJobs, delayedJobs, waitingIn, waitingJobs } from './waiting-jobs.function.js';
import { add, durationMs, jobShape, notifyOnce } from './add.function.js';
import { addJobs } from './add-jobs.function.js';
import { addJobsAndWake } from './add-jobs-and-wake.function.js';
import { adopt } from './adopt.function.js';
import { beat, registerWorker, retireWorker, runsTaken } from './worker.function.js';
import { buryWorker, workerIsUnheld, workersSeen } from './bury-worker.function.js';
import { cancelJob, keepCancelled } from './cancel-job.function.js';
import { changePriority } from './change-priority.function.js';
import { claim } from './claim.function.js';
import { claimed, claimStatus } from './claimed.function.js';
import { clean } from './clean.function.js';
import { completeIn } from './complete-in.function.js';
import { countJobs } from './count-jobs.function.js';
import { cursorHasPassed, laneHasPassed } from './lane-has-passed.function.js';
import { discarded } from './discarded.function.js';
import { drain } from './drain.function.js';
import { ensureQueue } from './ensure-queue.function.js';
import { findJob, getJob, jobRecord } from './job-record.function.js';
import { finish, follow, followKeys, nextRuns } from './finish.function.js';
import { homeLane } from './home-lane.function.js';
import { isSettled } from './is-settled.function.js';
import { jobIsAlive, newestRun } from './job-is-alive.function.js';
import { queueLimits, setConcurrency } from './queue-limits.function.js';
import { keptJobs, setRetention, shortestRetention } from './retention.function.js';
import { reclaim } from './reclaim.function.js';
import { lanesInUse } from './lanes-in-use.function.js';
import { lineOf } from './line-of.function.js';
import { listJobs } from './list-jobs.function.js';
import { lockKey } from './lock-key.function.js';
import { lookLater, takeTask, upkeepDue } from './upkeep-due.function.js';
import { purgeDead, purgeDrained } from './purge.function.js';
import { notifyCommitted } from './notify-committed.function.js';
import { nameLane, specialLane } from './special-lane.function.js';
import { openRuns } from './open-runs.function.js';
import { orphans, recoverRuns } from './recover-runs.function.js';
import { pauseQueue } from './pause-queue.function.js';
import { promote } from './promote.function.js';
import { promoteJob } from './promote-job.function.js';
import { removeJob } from './remove-job.function.js';
import { retryDead } from './retry-dead.function.js';
import { revoke } from './revoke.function.js';
import { rotate, segmentIsUsed, settle, switchRing } from './rotate.function.js';
import { clientBatch, clientHead } from './streams/client-batch.function.js';
import { purgeDeadEvents, replayDead } from './streams/dead-letters.function.js';
import { ackBatch, nackEvent } from './streams/end-batch.function.js';
import { checkStreamName, ensureStream } from './streams/ensure-stream.function.js';
import { publish, publishEvents, publishEventsAndWake } from './streams/publish-events.function.js';
import { readEvents } from './streams/read-events.function.js';
import { parkEvent, releaseEnded, releaseKey } from './streams/hold-key.function.js';
import { afterCursor, readStream } from './streams/read-stream.function.js';
import { receiveBatch } from './streams/receive-batch.function.js';
import { seek, streamLag } from './streams/seek.function.js';
import { rewindBatch, rewindLost } from './streams/rewind-batch.function.js';
import { nextEventRun, scatterBatch } from './streams/scatter-batch.function.js';
import { advanceIdle, groupId, moveCursor, setGroup, subscribe, unsubscribe } from './streams/subscribe.function.js';
import { cursorFloor, snapshotsMeet, streamFloors, streamPassed } from './streams/stream-floors.function.js';
import { setStreamSettings } from './streams/stream-settings.function.js';
import { adoptedPlace, adoptedSnapshot, adoptStreams } from './streams/adopt-streams.function.js';
import { checkGroup, dropOld } from './streams/behind.function.js';
import { skipEvents } from './streams/skip-events.function.js';
import { noteStreams, shortestKept, streamGone } from './streams/stream-retention.function.js';
import { batchEvents, batchPlaces, takeBatch } from './streams/take-batch.function.js';
import { takeCustomId, takeUniqueKey } from './take-key.function.js';
import { updateData } from './update-data.function.js';
import { windowIntervals } from './window-intervals.function.js';

/** Everything a process does to the log, as functions of the schema; a function stands after those its body is checked against. */
export function functions(names: SchemaNames): string[] {
  return [
    lockKey,
    homeLane,
    lineOf,
    cursorHasPassed,
    laneHasPassed,
    discarded,
    windowIntervals,
    ensureQueue,
    specialLane,
    nameLane,
    lanesInUse,
    newestRun,
    jobIsAlive,
    jobRecord,
    findJob,
    getJob,
    isSettled,
    takeUniqueKey,
    takeCustomId,
    addJobs,
    notifyOnce,
    notifyCommitted,
    addJobsAndWake,
    durationMs,
    jobShape,
    add,
    claimed,
    claimStatus,
    claim,
    checkStreamName,
    ensureStream,
    publishEvents,
    publishEventsAndWake,
    publish,
    moveCursor,
    setGroup,
    subscribe,
    unsubscribe,
    groupId,
    readEvents,
    advanceIdle,
    batchEvents,
    batchPlaces,
    takeBatch,
    nextEventRun,
    scatterBatch,
    rewindBatch,
    rewindLost,
    readStream,
    afterCursor,
    seek,
    parkEvent,
    followKeys,
    nextRuns,
    follow,
    finish,
    completeIn,
    promote,
    waitingIn,
    waitingJobs,
    delayedJobs,
    activeJobs,
    listJobs,
    countJobs,
    revoke,
    removeJob,
    retryDead,
    cancelJob,
    keepCancelled,
    promoteJob,
    releaseKey,
    releaseEnded,
    updateData,
    changePriority,
    streamLag,
    clientHead,
    clientBatch,
    receiveBatch,
    ackBatch,
    nackEvent,
    replayDead,
    purgeDeadEvents,
    pauseQueue,
    setConcurrency,
    queueLimits,
    setRetention,
    setStreamSettings,
    clean,
    drain,
    beat,
    registerWorker,
    retireWorker,
    runsTaken,
    openRuns,
    workersSeen,
    workerIsUnheld,
    buryWorker,
    recoverRuns,
    orphans,
    segmentIsUsed,
    switchRing,
    rotate,
    settle,
    keptJobs,
    snapshotsMeet,
    cursorFloor,
    streamFloors,
    streamPassed,
    streamGone,
    noteStreams,
    skipEvents,
    dropOld,
    checkGroup,
    shortestKept,
    reclaim,
    upkeepDue,
    takeTask,
    lookLater,
    shortestRetention,
    purgeDead,
    purgeDrained,
    adoptedPlace,
    adoptedSnapshot,
    adoptStreams,
    adopt,
  ].map((define) => define(names).trim());
}
