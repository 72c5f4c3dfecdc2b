import { REQUEST } from '@nestjs/core';

/**
 * Injects the `ActiveJob` in a request-scoped processor and in what it injects: Nest's `REQUEST`. In a durable one it is the
 * payload that the application's `ContextIdStrategy` gives, because its instances are there for many jobs.
 */
export const JOB_REF: string = REQUEST;
