import { QueueService } from '../../../lib/index.js';
import { startApplication } from '../../support/application.js';
import type { Place } from './driver-database.js';
import { fileOf } from './snippets.js';

interface Snippet {
  place(handle: unknown, jobs: QueueService, customer: string): Promise<void>;
}

export const ORDERS_TABLE = 'create table orders (id serial primary key, customer text not null)';

/** Runs what the document says in an application; returns the order, and the data of the last job. */
export async function placeOrder(at: Place, name: string, handle: unknown): Promise<{ order: unknown; job: unknown }> {
  const app = await startApplication(at, { options: { processing: false, ...at.options } });
  try {
    const jobs = app.get(QueueService);
    const snippet = (await import(fileOf(name))) as Snippet;
    await snippet.place(handle, jobs, name);
    const [order] = await at.query('select id as "orderId" from orders where customer = $1', [name]);
    const [job] = await jobs.queue('email').getJobs();
    return { order, job: job?.data };
  } finally {
    await app.close();
  }
}
