import type { SqlExecutor } from '../../interfaces/transaction.interface.js';
import type { AddedJob, JobDraft } from '../job-engine.interface.js';
import type { PgConnection } from './connection.js';
import { type AddedRow, packJobs, unpackAdded } from './job-packing.js';
import type { Notifier } from './notifier.js';
import { paginate } from './paginate.js';
import type { QueueIds } from './queue-ids.js';
import type { Statement } from './statement.js';

/** So many jobs are added in a millisecond. */
const QUICK = 100;

interface Written {
  readonly jobs: AddedJob[];
  readonly wake: string[];
  /** Whether it is announced already. */
  readonly notified: boolean;
}

/**
 * Appends jobs, all or none, in as few statements as they fit.
 *
 * - On a caller's transaction it keeps to text parameters and results, which every driver passes alike.
 */
export class JobWriter {
  readonly #connection: PgConnection;
  readonly #queues: QueueIds;
  readonly #notifier: Notifier;

  constructor(connection: PgConnection, queues: QueueIds, notifier: Notifier) {
    this.#connection = connection;
    this.#queues = queues;
    this.#notifier = notifier;
  }

  async add(queue: string, drafts: readonly JobDraft[], executor?: SqlExecutor): Promise<AddedJob[]> {
    const queueId = this.#queues.get(queue) ?? (await this.#queues.ensure(queue, executor));
    const pages = paginate(drafts);
    if (executor !== undefined) return this.#addIn(executor, queueId, pages);
    const added =
      pages.length === 1
        ? [await this.#addAlone(queueId, pages[0]!)]
        : await this.#connection.transaction(async (client) => this.#addPages(client, queueId, pages, false));
    for (const { wake, notified } of added) this.#notifier.committed(wake, notified);
    return added.flatMap(({ jobs }) => jobs);
  }

  /** In a transaction of its own, which announces what it has added when its turn has come. */
  async #addAlone(queueId: number, drafts: readonly JobDraft[]): Promise<Written> {
    const { schema } = this.#connection.names;
    const along = this.#notifier.takeAlong(isQuick(drafts));
    const { shapes, shapeOf, payloads } = packJobs(drafts);
    const values = [queueId, shapes, shapeOf, payloads];
    let notified = false;
    try {
      const [row] =
        along === undefined
          ? await this.#connection.query<AddedRow>({ text: addJobs(schema) }, values)
          : await this.#connection.query<AddedRow>(addJobsAndWake(schema), [...values, along.join(' ') || null]);
      notified = row!.notified !== null;
      return { jobs: unpackAdded(row!, drafts), wake: wakesOf(row!), notified };
    } finally {
      if (along !== undefined && !notified) this.#notifier.committed(along);
    }
  }

  /** In the caller's transaction: a notification goes along, at most once in a while for a queue. */
  async #addIn(executor: SqlExecutor, queueId: number, pages: readonly JobDraft[][]): Promise<AddedJob[]> {
    const along = this.#notifier.mayNotifyAlong(queueId);
    const added = await this.#addPages(executor, queueId, pages, along);
    if (!along) this.#notifier.uncommitted(added.flatMap(({ wake }) => wake));
    return added.flatMap(({ jobs }) => jobs);
  }

  async #addPages(
    executor: SqlExecutor,
    queueId: number,
    pages: readonly JobDraft[][],
    along: boolean,
  ): Promise<Written[]> {
    const added = [];
    for (const page of pages) {
      const query = async (text: string, values: unknown[]): Promise<AddedRow[]> =>
        ((await executor.query(text, values)) as { rows: AddedRow[] }).rows;
      added.push(await this.#addPage(query, queueId, page, along));
    }
    return added;
  }

  async #addPage(
    query: (text: string, values: unknown[]) => Promise<AddedRow[]>,
    queueId: number,
    drafts: readonly JobDraft[],
    along: boolean,
  ): Promise<Written> {
    const { schema } = this.#connection.names;
    const { shapes, shapeOf, payloads } = packJobs(drafts);
    const notified = along ? `, ${schema}.notify_once(a.wake)::text as notified` : '';
    const [row] = await query(
      `select a.ids, a.at, a.existing, a.wake${notified}
from ${schema}.add_jobs($1::text::int, $2::text, $3::text, $4::text) a`,
      [String(queueId), shapes, shapeOf, payloads],
    );
    return { jobs: unpackAdded(row!, drafts), wake: wakesOf(row!), notified: along };
  }
}

const addJobs = (schema: string, more = ''): string =>
  `select a.ids, a.at, a.existing, a.wake, null::boolean as notified${more} from ${schema}.add_jobs($1, $2, $3, $4) a`;

const addJobsAndWake = (schema: string): Statement => ({
  // in a transaction block nothing is announced: what it should have taken along comes back
  text: addJobs(schema, ', $5::text as also'),
  alone: `call ${schema}.add_jobs_and_wake($1, $2, $3, $4, $5, null, null, null, null, null)`,
});

/** Whether nobody who waits for its notification would wait for long. */
function isQuick(drafts: readonly JobDraft[]): boolean {
  return (
    drafts.length <= QUICK &&
    drafts.every(({ options }) => options.uniqueKey === undefined && options.jobId === undefined)
  );
}

function wakesOf({ wake }: AddedRow): string[] {
  return wake?.split(' ') ?? [];
}
