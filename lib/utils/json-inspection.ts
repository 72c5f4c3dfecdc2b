import { exoticProblem } from './exotic-value.js';
import { memberPath } from './member-path.js';

/** How large a job's data or result, or an event's data, may be. */
export interface DataLimits {
  /** As UTF-8 JSON. */
  readonly maxDataBytes: number;
  /** Levels of nesting. */
  readonly maxDataDepth: number;
}

/** What keeps a value from being stored, and where. */
export interface JsonProblem {
  readonly path: string;
  readonly problem: string;
}

/** What was found, and on the way out the keys and objects that lead there, the innermost first. */
interface Finding {
  readonly problem: string;
  readonly keys: (string | number)[];
  readonly parents: object[];
}

/**
 * One walk over a value, as JSON.stringify will walk it, looking for what it would lose.
 *
 * - Costs nothing for the path unless something is found: it is put together on the way out.
 * - Ends, whatever it is given: depth ends circles, and every value takes at least a byte of the budget.
 */
export class JsonInspection {
  #budget: number;
  readonly #limits: DataLimits;
  readonly #isUnstorable: ((text: string) => boolean) | undefined;

  /** @param isUnstorable looks into every string and key; left out in the first walk because it is slow. */
  constructor(limits: DataLimits, isUnstorable?: (text: string) => boolean) {
    this.#limits = limits;
    this.#budget = limits.maxDataBytes;
    this.#isUnstorable = isUnstorable;
  }

  /** `undefined` when nothing is found. */
  run(value: unknown, root: string): JsonProblem | undefined {
    const finding = this.#value(value, '', 0);
    if (finding === undefined) return undefined;
    const keys = finding.keys.toReversed();
    const circle = circleLength(finding.parents.toReversed());
    const path = keys.slice(0, circle).reduce<string>(memberPath, root);
    return { path, problem: circle === undefined ? finding.problem : 'is circular: it contains itself' };
  }

  #value(value: unknown, key: string | number, depth: number): Finding | undefined {
    this.#budget--;
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        return Number.isFinite(value) ? undefined : found(`is ${value}, which JSON turns into null`);
      case 'object':
        return value === null ? this.#size() : this.#object(value, key, depth + 1);
      case 'bigint':
      case 'function':
      case 'symbol':
        return found(`is a ${typeof value}, which JSON cannot hold`);
      default:
        return this.#size();
    }
  }

  #object(value: object, key: string | number, depth: number): Finding | undefined {
    if (hasToJson(value)) {
      const replaced = value.toJSON(String(key));
      // stringify does not ask what toJSON() returned for its own toJSON()
      if (typeof replaced !== 'object' || replaced === null) return this.#value(replaced, key, depth);
      return this.#members(replaced, depth);
    }
    return this.#members(value, depth);
  }

  #members(value: object, depth: number): Finding | undefined {
    if (depth > this.#limits.maxDataDepth) {
      return found(`is nested deeper than ${this.#limits.maxDataDepth} levels (maxDataDepth)`);
    }
    if (Array.isArray(value)) return this.#items(value, depth);
    const prototype: unknown = Object.getPrototypeOf(value);
    const problem = prototype === Object.prototype ? undefined : exoticProblem(value);
    if (problem !== undefined) return found(problem);
    for (const key of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[key];
      if (member === undefined) continue;
      const finding = this.#text(key) ?? this.#value(member, key, depth);
      if (finding !== undefined) return within(finding, key, value);
    }
    return hasSymbolKey(value) ? found('has a symbol as a key, which JSON drops') : this.#size();
  }

  #items(items: readonly unknown[], depth: number): Finding | undefined {
    for (let i = 0; i < items.length; i++) {
      const finding = this.#value(items[i], i, depth);
      if (finding !== undefined) return within(finding, i, items);
    }
    return this.#size();
  }

  #text(text: string): Finding | undefined {
    this.#budget -= text.length;
    if (this.#isUnstorable?.(text) === true) {
      return found('contains a NUL character or a lone surrogate, which PostgreSQL cannot store');
    }
    return this.#size();
  }

  #size(): Finding | undefined {
    return this.#budget < 0
      ? found(`makes the whole larger than ${this.#limits.maxDataBytes} bytes (maxDataBytes)`)
      : undefined;
  }
}

function found(problem: string): Finding {
  return { problem, keys: [], parents: [] };
}

function within(finding: Finding, key: string | number, parent: object): Finding {
  finding.keys.push(key);
  finding.parents.push(parent);
  return finding;
}

/** How many keys lead from the root to the first object that was met before on the same way; `undefined` if none was. */
function circleLength(parents: readonly object[]): number | undefined {
  const seen = new Set<object>();
  const at = parents.findIndex((parent) => seen.size === seen.add(parent).size);
  return at === -1 ? undefined : at;
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

function hasSymbolKey(value: object): boolean {
  return Object.getOwnPropertySymbols(value).some((key) => Object.prototype.propertyIsEnumerable.call(value, key));
}
