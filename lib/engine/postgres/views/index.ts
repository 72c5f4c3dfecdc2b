import type { SchemaNames } from '../schema-names.js';
import { processStats } from './process-stats.view.js';
import { queueStats } from './queue-stats.view.js';
import { segmentStats, storageStats } from './storage-stats.view.js';
import { streamStats } from './stream-stats.view.js';

/** What an operator looks at, for psql and for `stats()` alike. */
export function views(names: SchemaNames): string[] {
  return [processStats, queueStats, streamStats, segmentStats, storageStats].flatMap((define) =>
    define(names).map((text) => text.trim()),
  );
}
