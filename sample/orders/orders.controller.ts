import { Body, Controller, Get, HttpCode, type MessageEvent, Param, ParseIntPipe, Post, Sse } from '@nestjs/common';
import { map, type Observable } from 'rxjs';
import { OrdersService } from './orders.service.js';
import { PlaceOrderDto } from './place-order.dto.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  @HttpCode(202)
  async place(@Body() body: Partial<PlaceOrderDto> | undefined): Promise<object> {
    return this.orders.place(PlaceOrderDto.from(body));
  }

  @Post('replay')
  @HttpCode(202)
  async replay(): Promise<object> {
    return this.orders.replay();
  }

  /** The stream as server-sent events; it ends when the client leaves, or with the application. */
  @Sse('events')
  events(): Observable<MessageEvent> {
    return this.orders.events().pipe(map(({ id, type, data }) => ({ id, type, data })));
  }

  @Get(':id')
  async show(@Param('id', ParseIntPipe) id: number): Promise<object> {
    return this.orders.show(id);
  }
}
