import { Logger } from '@nestjs/common';
import { Pool } from 'pg';
import { OnStreamEvent, StreamConsumer, type StreamContext, type StreamEvent } from '../../lib/index.js';
import type { OrderPlaced } from './order-placed.interface.js';

/** One group: it bills each order exactly once, since the bill and the group's place in the stream commit together. */
@StreamConsumer('orders', { group: 'billing', startFrom: 'start' })
export class BillingConsumer {
  private readonly logger = new Logger('Billing');

  constructor(private readonly pool: Pool) {}

  @OnStreamEvent('order.placed')
  async bill({ data }: StreamEvent<OrderPlaced>, context: StreamContext): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await client.query('update orders set billed_at = now() where id = $1', [data.orderId]);
      await context.commitIn(client);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
    this.logger.log(`order ${data.orderId}: billed`);
  }
}
