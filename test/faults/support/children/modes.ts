import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { INestApplicationContext } from '@nestjs/common';
import { QueueService } from '../../../../lib/index.js';
import type { ChildLedger } from './child-ledger.js';

export interface Mode {
  readonly app: INestApplicationContext;
  readonly ledger: ChildLedger;
  readonly spec: { readonly queues?: Record<string, object> };
  readonly tell: (event: string, more?: object) => void;
  /** Lets go of whoever started this process: it may end by itself. */
  readonly leave: () => void;
}

/** What an application does beside its handlers, by the name of a mode. */
const MODES: Record<string, (mode: Mode) => Promise<void>> = {
  /** Adds jobs, each in a transaction of its own that stays open for a while. Tells which were committed. */
  async addsInTransactions({ app, ledger, tell, spec }) {
    const [queue] = Object.keys(spec.queues!);
    const jobs = app.get(QueueService).queue(queue!);
    const add = async (lane: number): Promise<void> => {
      for (let i = 0; ; i++) {
        const k = `${process.pid}-${lane}-${i}`;
        const client = await ledger.pool.connect();
        try {
          await client.query('begin');
          await jobs.add('work', { k }, { tx: client });
          await new Promise((resolve) => setTimeout(resolve, 5));
          tell('committing', { key: k });
          await client.query('commit');
          tell('committed', { key: k });
        } catch (error) {
          tell('not committed', { key: k, why: String(error) });
          return;
        } finally {
          client.release();
        }
      }
    };
    for (const lane of [0, 1]) void add(lane);
  },
  /** Counts what an uncaught exception does to it, as an application that goes on would. */
  async survives({ tell }) {
    process.on('unhandledRejection', (error) => tell('stray', { message: (error as Error).message }));
    process.on('uncaughtException', (error) => tell('stray', { message: error.message }));
  },
  /** Tells how long its event loop stood still. */
  async watchesLoop({ tell }) {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    setInterval(() => tell('delay', { max: delay.max / 1e6 }), 200).unref();
  },
  /** Closes twice when it is told to. */
  async closesTwice({ app, tell, leave }) {
    process.on('message', () => {
      void (async () => {
        await Promise.all([app.close(), app.close()]);
        tell('closed');
        setImmediate(() => {
          const left = process.getActiveResourcesInfo().filter((one) => one === 'Timeout');
          tell('left', { left: left.join() });
          leave();
        });
      })();
    });
  },
};

export async function runMode(name: string | undefined, mode: Mode): Promise<void> {
  if (name !== undefined) await MODES[name]!(mode);
}
