import type { ArgumentsHost, ContextType } from '@nestjs/common';

/** What `context.getType()` says in guards, interceptors and filters that stand before the handler of a job or an event. */
export type PgQueueContextType = 'pg-queue';

/**
 * Whether a guard, interceptor or filter stands before the handler of a job or an event: `context.getArgs()` is `[job]`, or
 * `[event, streamContext]`; for a whole batch `[events, streamContext]`.
 */
export function isPgQueueContext(context: ArgumentsHost): boolean {
  return context.getType<ContextType | PgQueueContextType>() === 'pg-queue';
}
