import { describe, expect, it } from 'vitest';
import { testDatabase } from '../support/database.js';
import { newQueue, processor, testApplications } from '../support/running.js';
import { until } from '../support/signals.js';

const database = testDatabase({ migrated: true });
const start = testApplications(database);

describe.each([true, false])('the concurrency that is said for a queue at run time (LISTEN: %s)', (listens) => {
  const options = listens ? {} : { listen: false as const };

  /** A queue whose jobs run until they are let go, and two processes for it, of one and two places. */
  async function blocked() {
    const queueName = newQueue();
    const running: Set<() => void>[] = [];
    const providers = (concurrency: number) => {
      const its = new Set<() => void>();
      running.push(its);
      return [
        processor(
          queueName,
          async ({ signal }) => {
            await new Promise<void>((resolve) => {
              const end = (): void => {
                its.delete(end);
                resolve();
              };
              its.add(end);
              signal.addEventListener('abort', end);
            });
          },
          { concurrency, shutdownTimeout: 1 },
        ),
      ];
    };
    const { queue } = await start({ providers: providers(1), options });
    await start({ providers: providers(2), options });
    await queue(queueName).addBulk(Array.from({ length: 100 }, () => ({ name: 'job', data: null })));
    const sizes = () => running.map(({ size }) => size).join();
    await until('all places to be taken', () => sizes() === '1,2');
    const letGo = () => running.forEach((its) => [...its].forEach((end) => end()));
    return { queue: queue(queueName), providers, sizes, letGo };
  }

  it('holds at once in all processes, the full ones too, and in those that start later', async () => {
    const { queue, providers, sizes } = await blocked();
    expect(await queue.getConcurrency()).toBeNull();
    await queue.setConcurrency(5);
    expect(await queue.getConcurrency()).toBe(5);
    await until('five in each', () => sizes() === '5,5');
    await start({ providers: providers(3), options });
    await until('five in the third', () => sizes() === '5,5,5');
  });

  it('may be less, then no more begin while so many run; and is taken back', async () => {
    const { queue, sizes, letGo } = await blocked();
    const elsewhere = await start({ options: { ...options, processing: false } });
    await elsewhere.queue(queue.name).setConcurrency(1);
    await until('one in each', async () => {
      if (sizes() !== '1,1') letGo();
      // a claim for another place would have started a job by the time one more has been added and seen
      await queue.add('job', null);
      await queue.getJobCounts();
      return sizes() === '1,1';
    });
    await queue.addBulk(Array.from({ length: 10 }, () => ({ name: 'job', data: null })));
    await queue.setConcurrency(null);
    expect(await queue.getConcurrency()).toBeNull();
    await until('what they say themselves', () => sizes() === '1,2');
  });
});

it.each([0, 1.5, 10_001, '5'])('a concurrency of %s is refused', async (concurrency) => {
  const { queue } = await start({});
  await expect(queue(newQueue()).setConcurrency(concurrency as number)).rejects.toMatchObject({
    code: 'PGQUEUE_INVALID_JOB',
    path: 'concurrency',
  });
});
