import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { Pool } from 'pg';
import { StreamClient, StreamService, type StreamTail } from '../../lib/index.js';
import { Carrier } from './carrier.js';
import type { OrderPlaced } from './order-placed.interface.js';
import type { PlaceOrderDto } from './place-order.dto.js';

@Injectable()
export class OrdersService {
  private readonly logger = new Logger('Orders');

  constructor(
    private readonly pool: Pool,
    private readonly streams: StreamService,
    private readonly client: StreamClient,
    private readonly carrier: Carrier,
  ) {}

  /** The row and its event are there together, or neither is. Who reads the event is none of its business. */
  async place({ customer, item }: PlaceOrderDto): Promise<object> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query<{ id: string }>(
        'insert into orders (customer, item) values ($1, $2) returning id',
        [customer, item],
      );
      const data: OrderPlaced = { orderId: rows[0]!.id, customer, item };
      const event = await this.streams.publish('orders', { type: 'order.placed', key: customer, data }, { tx: client });
      await client.query('commit');
      this.logger.log(`order ${data.orderId}: placed, event ${event} published in the transaction of its INSERT`);
      return { id: data.orderId, event };
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  }

  async show(id: number): Promise<object> {
    const { rows } = await this.pool.query(
      'select id, customer, item, billed_at, shipped_at from orders where id = $1',
      [id],
    );
    if (rows.length === 0) throw new NotFoundException(`There is no order ${id}`);
    return { ...rows[0], lag: await this.streams.lag('orders') };
  }

  /** The carrier can do more than before: what it could not ship comes again, to shipping alone. */
  async replay(): Promise<object> {
    this.carrier.hasCrane = true;
    const replayed = await this.client.replay({ stream: 'orders', group: 'shipping' });
    this.logger.log(`${replayed} dead letters of shipping come again`);
    return { replayed };
  }

  /** All that are kept, and then what comes: for whoever looks on, without a group. */
  events(): StreamTail<OrderPlaced> {
    return this.streams.observe<OrderPlaced>('orders', { after: 'start' });
  }
}
