import { Module } from '@nestjs/common';
import { BillingConsumer } from './billing.consumer.js';
import { Carrier } from './carrier.js';
import { OrdersController } from './orders.controller.js';
import { OrdersService } from './orders.service.js';
import { ShippingConsumer } from './shipping.consumer.js';

/** A stream needs no registration: it is there when it is first named. */
@Module({
  controllers: [OrdersController],
  providers: [OrdersService, BillingConsumer, ShippingConsumer, Carrier],
})
export class OrdersModule {}
