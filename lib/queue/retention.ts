import type { ResolvedRetention } from '../engine/job-control-engine.interface.js';
import { duration, integer } from '../utils/checks.js';
import { type Check, readShape, type Shape } from '../utils/shape.js';

type Kept = NonNullable<ResolvedRetention['completed']>;

const KEPT: Shape<Required<Kept>> = { age: duration, count: integer(0, Number.MAX_SAFE_INTEGER) };
const kept: Check<Kept> = (value, path, refuse) => readShape(value, path, KEPT, refuse);
const RETENTION: Shape<Required<ResolvedRetention>> = { completed: kept, failed: kept };

/** How long finished jobs are kept, in milliseconds; what is not said is by default. */
export const resolveRetention: Check<ResolvedRetention> = (value, path, refuse) =>
  readShape(value, path, RETENTION, refuse);
