import { Module } from '@nestjs/common';
import { Pool } from 'pg';
// in an application of your own: from 'nestjs-pgqueue'
import { PgQueueModule } from '../lib/index.js';
import { DatabaseModule } from './database/database.module.js';
import { EmailsModule } from './emails/emails.module.js';
import { OrdersModule } from './orders/orders.module.js';

@Module({
  imports: [
    DatabaseModule,
    EmailsModule,
    OrdersModule,
    // last: what is imported last stops first, so handlers drain while all they use is still there
    PgQueueModule.forRootAsync({
      inject: [Pool],
      useFactory: (pool: Pool) => ({ pool, migrations: 'apply' }),
    }),
  ],
})
export class AppModule {}
