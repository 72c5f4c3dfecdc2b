import { Inject, Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { refuseOptions } from '../errors/invalid-options.error.js';
import { InvalidStreamConsumerError } from '../errors/invalid-stream-consumer.error.js';
import type { StreamConsumerDefinition } from '../runtime/streams/stream-consumer-definition.js';
import { DATABASE } from '../utils/tokens.js';
import { type Database, refuseUnknownDatabase } from './databases.js';
import { findCandidates, type Candidate } from './candidate.js';
import { findStreamMethods, type StreamMethods } from './decorated-methods.js';
import { HandlerBinder } from './handler-binder.js';
import { STREAM_HANDLERS } from './handler-kind.js';
import { refuseStreamConflicts } from './refuse-stream-conflicts.js';
import { isStreamConsumer, readStreamConsumer } from './stream-consumer-metadata.js';
import {
  refuseContradictions,
  refuseWhatPgqueDecides,
  resolveStreamConsumerOptions,
} from './stream-consumer-options.js';
import { bindStreamHandlers } from './stream-handlers.js';

/**
 * Finds the application's stream consumers of one database and binds their methods.
 *
 * - What is decorated runs or is refused, with class and method: nothing is ignored.
 * - Options: the defaults, then `@StreamConsumer()`'s.
 * - A class may be a processor as well: the two know nothing of each other.
 */
@Injectable()
export class StreamConsumerExplorer {
  readonly #discovery: DiscoveryService;
  readonly #scanner: MetadataScanner;
  readonly #binder: HandlerBinder;
  readonly #modules: ModulesContainer;
  readonly #database: string | undefined;

  constructor(
    discovery: DiscoveryService,
    scanner: MetadataScanner,
    binder: HandlerBinder,
    modules: ModulesContainer,
    @Inject(DATABASE) { name }: Database,
  ) {
    this.#discovery = discovery;
    this.#scanner = scanner;
    this.#binder = binder;
    this.#modules = modules;
    this.#database = name;
  }

  /** @throws InvalidStreamConsumerError, DuplicateHandlerError, InvalidOptionsError */
  explore(): StreamConsumerDefinition[] {
    const definitions = findCandidates(this.#discovery).flatMap((candidate) => this.#define(candidate) ?? []);
    refuseStreamConflicts(definitions);
    return definitions;
  }

  #define(candidate: Candidate): StreamConsumerDefinition | undefined {
    const { type, instance, isStatic } = candidate;
    const methods = findStreamMethods(this.#scanner, type.prototype);
    if (!isStreamConsumer(type)) return refuseStrays(type.name, methods);
    if (!isStatic) {
      throw new InvalidStreamConsumerError(
        `${type.name} is request-scoped or transient, by itself, by a dependency or by a guard, interceptor, pipe or filter; ` +
          `a stream consumer must be a singleton: resolve in its handlers what belongs to a request, with ModuleRef`,
      );
    }
    const { stream, group, database, options: said } = readStreamConsumer(type);
    refuseUnknownDatabase(`${type.name}: @StreamConsumer()`, database, this.#modules);
    if (database !== this.#database) return undefined;
    const options = resolveStreamConsumerOptions(said);
    const refuse = refuseOptions(`${type.name}: @StreamConsumer()`);
    refuseContradictions(stream, options, refuse);
    refuseWhatPgqueDecides(options, said, refuse);
    const names = [...methods.events, ...methods.batches].map(({ method }) => method);
    const calls = this.#binder.bind(candidate, names, STREAM_HANDLERS);
    return {
      label: type.name,
      stream,
      group,
      options,
      said,
      ...bindStreamHandlers(type.name, instance, methods, calls),
    };
  }
}

/** What looks like a consumer and is none would never run. */
function refuseStrays(label: string, { events, batches }: StreamMethods): undefined {
  const stray = events[0] ?? batches[0];
  if (stray === undefined) return undefined;
  const what = stray === events[0] ? '@OnStreamEvent()' : '@OnStreamBatch()';
  throw new InvalidStreamConsumerError(
    `${label}.${stray.method}: ${what} in a class that is no stream consumer: put @StreamConsumer('stream', { group: 'group' }) on ${label}`,
  );
}
