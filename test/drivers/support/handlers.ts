import {
  type ActiveJob,
  OnStreamBatch,
  OnStreamEvent,
  Process,
  Processor,
  StreamConsumer,
  type StreamContext,
  type StreamEvent,
} from '../../../lib/index.js';

export type HandleJob = (job: ActiveJob) => unknown;
export type HandleEvents = (events: readonly StreamEvent[], context: StreamContext) => unknown;

/** What the application of a spec file does: the tests say what its handlers are. */
export class Handlers {
  job: HandleJob = () => undefined;
  exact: HandleJob = () => undefined;
  event: HandleEvents = () => undefined;
  batch: HandleEvents = () => undefined;
}

export const PGQUE_QUEUE = 'pgque queue';

/** Its classes. `pollInterval`: short where nobody hears of what is written. */
export function providersOf(handlers: Handlers, withPgque: boolean, pollInterval: number): (new () => object)[] {
  @Processor('jobs', { pollInterval })
  class Jobs {
    @Process()
    run(job: ActiveJob): unknown {
      return handlers.job(job);
    }
  }
  @Processor('exact', { pollInterval })
  class Exact {
    @Process()
    run(job: ActiveJob): unknown {
      return handlers.exact(job);
    }
  }
  @StreamConsumer('events', { group: 'g', pollInterval, retryDelay: 10 })
  class Events {
    @OnStreamEvent()
    on(event: StreamEvent, context: StreamContext): unknown {
      return handlers.event([event], context);
    }
  }
  @StreamConsumer(PGQUE_QUEUE, { group: 'g', engine: 'pgque', pollInterval: 100 })
  class Batches {
    @OnStreamBatch()
    on(events: StreamEvent[], context: StreamContext): unknown {
      return handlers.batch(events, context);
    }
  }
  return withPgque ? [Jobs, Exact, Events, Batches] : [Jobs, Exact, Events];
}
