import type { Duration } from '../interfaces/duration.interface.js';
import { DURATION_FORMAT, parseDuration } from '../utils/duration.js';
import { describeValue } from '../utils/describe-value.js';
import { InvalidOptionsError } from './invalid-options.error.js';

/**
 * Thrown by a handler: runs the job again after `delay`, without counting an attempt. BullMQ's name.
 *
 * A delay that cannot be read throws `InvalidOptionsError` from the constructor, so that the attempt fails and says why.
 */
export class DelayedError extends Error {
  constructor(
    /** How long from now, by the database's clock. */
    readonly delay: Duration,
    message = `Runs again in ${delay}${typeof delay === 'number' ? 'ms' : ''}`,
  ) {
    super(message);
    this.name = 'DelayedError';
    if (parseDuration(delay) === undefined) {
      throw new InvalidOptionsError(
        'delay',
        `DelayedError: delay must be ${DURATION_FORMAT}, not ${describeValue(delay)}`,
      );
    }
  }
}
