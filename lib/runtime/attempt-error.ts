import type { AttemptError } from '../engine/job-engine.interface.js';
import { storableText } from '../utils/text.js';
import { toError } from '../utils/to-error.js';

const MESSAGE_CHARACTERS = 2_000;
const STACK_CHARACTERS = 8_000;
/** From this attempt on a stack is kept short: all of them travel with the job. */
const MANY_ATTEMPTS = 10;
const SHORT_STACK_CHARACTERS = 500;

/** What is kept of an error: its message and its stack with its causes', cut to a size, in characters PostgreSQL can store. */
export function attemptError(thrown: unknown, attempt: number): AttemptError {
  const characters = attempt > MANY_ATTEMPTS ? SHORT_STACK_CHARACTERS : STACK_CHARACTERS;
  try {
    const error = toError(thrown);
    return {
      message: storableText(error.message, MESSAGE_CHARACTERS),
      stack: storableText(stackOf(error, 3), characters),
    };
  } catch {
    // a getter of the user's
    return { message: 'The error could not be read' };
  }
}

function stackOf(error: Error, depth: number): string {
  const stack = typeof error.stack === 'string' ? error.stack : `${error.name}: ${error.message}`;
  return depth > 0 && error.cause instanceof Error ? `${stack}\n[cause]: ${stackOf(error.cause, depth - 1)}` : stack;
}
