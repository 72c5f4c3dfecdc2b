import { Module } from '@nestjs/common';
import { PgQueueModule } from '../../lib/index.js';
import { Email } from './email.contract.js';
import { EmailProcessor } from './email.processor.js';
import { EmailsController } from './emails.controller.js';
import { EmailsService } from './emails.service.js';
import { Mailer } from './mailer.js';

@Module({
  imports: [PgQueueModule.registerQueue(Email)],
  controllers: [EmailsController],
  providers: [EmailsService, EmailProcessor, Mailer],
})
export class EmailsModule {}
