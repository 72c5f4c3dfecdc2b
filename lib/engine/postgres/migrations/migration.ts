import type { SchemaNames } from '../schema-names.js';

/**
 * In the order in which an application at work takes them: a claim the worker before the queue, an add the queue before the
 * keys and the ring. In another order a migration and it would wait for each other.
 */
export const LOCK_ORDER = [
  'worker',
  'queue',
  'lease_0',
  'lease_1',
  'lease_2',
  'unique_key',
  'custom_id',
  'ring',
] as const;
export type Locked = (typeof LOCK_ORDER)[number];

/** One step of the schema. Immutable once released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** The oldest package schema version that still works on a schema of this version: what lets a deploy be rolled back. */
  readonly compatibleFrom: number;
  /** What it changes of the tables and views that were there before: locked before anything else is done. */
  readonly changes?: readonly Locked[];
  up(names: SchemaNames): string[];
}
