import type { SchemaNames } from '../schema-names.js';

/** One step of the schema. Immutable once released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  /** The oldest package schema version that still works on a schema of this version: what lets a deploy be rolled back. */
  readonly compatibleFrom: number;
  up(names: SchemaNames): string[];
}
