import { Logger } from '@nestjs/common';
import { Pool } from 'pg';
import { Job, type JobOf, OnWorkerEvent, Process, Processor } from '../../lib/index.js';
import { Email, type EmailJob } from './email.contract.js';
import { Mailer } from './mailer.js';

@Processor(Email, { concurrency: 5 })
export class EmailProcessor {
  private readonly logger = new Logger('EmailProcessor');

  constructor(
    private readonly pool: Pool,
    private readonly mailer: Mailer,
  ) {}

  /** What a handler returns is the job's result. Should the process die in here, the email may be sent twice. */
  @Process(Email, 'welcome')
  async welcome({ data, signal }: JobOf<typeof Email, 'welcome'>): Promise<{ messageId: string }> {
    const messageId = await this.mailer.send(data, signal);
    await this.pool.query('update emails set sent_at = now() where id = $1', [data.emailId]);
    return { messageId };
  }

  /** The job completes in the handler's own transaction: what that writes is written exactly once. */
  @Process(Email, 'receipt')
  async receipt(job: JobOf<typeof Email, 'receipt'>): Promise<void> {
    const messageId = await this.mailer.send(job.data, job.signal);
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query('update emails set sent_at = now() where id = $1', [job.data.emailId]);
      await job.completeIn(client, { messageId });
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }

  @OnWorkerEvent('active')
  active(job: Job<EmailJob>): void {
    const due = job.opts.delay !== undefined && job.attemptsStarted === 1 ? 'due after its delay, ' : '';
    this.logger.log(`${job.id}: ${due}started attempt ${job.attemptsStarted} of ${job.opts.attempts}`);
  }

  @OnWorkerEvent('completed')
  completed(job: Job<EmailJob>): void {
    this.logger.log(`${job.id}: completed`);
  }

  @OnWorkerEvent('failed')
  failed(job: Job<EmailJob>, error: Error): void {
    const { attemptsStarted } = job;
    if (attemptsStarted === job.opts.attempts) {
      this.logger.error(`${job.id}: dead after ${attemptsStarted} attempts (${error.message})`);
    } else {
      // the default backoff: 1s, 2s, 4s
      const seconds = 2 ** (attemptsStarted - 1);
      this.logger.warn(`${job.id}: failed (${error.message}) → again in ${seconds}s`);
    }
  }
}
