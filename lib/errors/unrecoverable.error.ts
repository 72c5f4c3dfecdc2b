/** Thrown by a handler: fails the job now, whatever attempts remain. BullMQ's name. */
export class UnrecoverableError extends Error {
  constructor(message = 'Unrecoverable', options?: ErrorOptions) {
    super(message, options);
    this.name = 'UnrecoverableError';
  }
}
