import { Logger } from '@nestjs/common';
import { Pool } from 'pg';
import { OnStreamEvent, StreamConsumer, type StreamEvent } from '../../lib/index.js';
import { Carrier } from './carrier.js';
import type { OrderPlaced } from './order-placed.interface.js';

const ATTEMPTS = 3;

/**
 * Another group: it gets the same events, in its own time. While an order cannot be shipped, the later ones of that customer
 * wait (`hold: 'key'`), and nobody else's. After three deliveries it is among the group's dead letters, and they go on.
 */
@StreamConsumer('orders', {
  group: 'shipping',
  startFrom: 'start',
  hold: 'key',
  concurrency: 5,
  attempts: ATTEMPTS,
  retryDelay: '1s',
})
export class ShippingConsumer {
  private readonly logger = new Logger('Shipping');

  constructor(
    private readonly pool: Pool,
    private readonly carrier: Carrier,
  ) {}

  @OnStreamEvent('order.placed')
  async ship({ data, retryCount }: StreamEvent<OrderPlaced>): Promise<void> {
    try {
      await this.carrier.fetch(data);
    } catch (error) {
      const what = `order ${data.orderId}: not shipped (${(error as Error).message})`;
      if (retryCount + 1 < ATTEMPTS) this.logger.warn(`${what} → again in 1s`);
      else this.logger.error(`${what} → a dead letter after ${ATTEMPTS} deliveries`);
      throw error;
    }
    await this.pool.query('update orders set shipped_at = now() where id = $1', [data.orderId]);
    this.logger.log(`order ${data.orderId}: shipped`);
  }

  /** What other types there may be one day: without this method they would fail. */
  @OnStreamEvent()
  other(): void {}
}
