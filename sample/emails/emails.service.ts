import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { Pool, type PoolClient } from 'pg';
import { type AddedJobOf, InjectQueue, TypedQueue } from '../../lib/index.js';
import { Email } from './email.contract.js';
import type { SendEmailDto } from './send-email.dto.js';

@Injectable()
export class EmailsService {
  private readonly logger = new Logger('Emails');

  constructor(
    private readonly pool: Pool,
    @InjectQueue(Email) private readonly queue: TypedQueue<typeof Email>,
  ) {}

  /** The row and its job are there together, or neither is. */
  async send(email: SendEmailDto): Promise<object> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      const job = await this.insert(client, email);
      await client.query('commit');
      return { id: job.data.emailId, job: job.id, state: await job.getState() };
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }

  async show(id: number): Promise<object> {
    const { rows } = await this.pool.query('select id, recipient, template, sent_at from emails where id = $1', [id]);
    if (rows.length === 0) throw new NotFoundException(`There is no email ${id}`);
    const job = await this.queue.getJob(`email-${id}`);
    return { ...rows[0], job: job && { state: await job.getState(), ...job.toJSON() } };
  }

  private async insert(
    client: PoolClient,
    { to, template, delay, fail }: SendEmailDto,
  ): Promise<AddedJobOf<typeof Email>> {
    const { rows } = await client.query<{ id: string }>(
      'insert into emails (recipient, template) values ($1, $2) returning id',
      [to, template],
    );
    const emailId = rows[0]!.id;
    const job = await this.queue.add(
      template,
      { emailId, to, fail },
      { jobId: `email-${emailId}`, tx: client, ...(delay !== undefined && { delay }) },
    );
    const when = delay === undefined ? '' : `, to run in ${delay}`;
    this.logger.log(`${job.id}: added in the transaction of its INSERT${when}`);
    return job;
  }
}
