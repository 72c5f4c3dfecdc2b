import type { PgQueueStats } from '../interfaces/stats.interface.js';

/** What an operator looks at. */
export interface StatsEngine {
  stats(): Promise<PgQueueStats>;
}
