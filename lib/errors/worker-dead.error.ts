/** This process's worker was declared dead by another process, or its row is gone. Not public: the runtime starts anew. */
export class WorkerDeadError extends Error {
  override readonly name = 'WorkerDeadError';
}
