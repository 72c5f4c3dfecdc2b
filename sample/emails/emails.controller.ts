import { Body, Controller, Get, HttpCode, Param, ParseIntPipe, Post, UseFilters } from '@nestjs/common';
import { EmailsService } from './emails.service.js';
import { InvalidJobFilter } from './invalid-job.filter.js';
import { SendEmailDto } from './send-email.dto.js';

@Controller('emails')
@UseFilters(InvalidJobFilter)
export class EmailsController {
  constructor(private readonly emails: EmailsService) {}

  @Post()
  @HttpCode(202)
  async send(@Body() body: Partial<SendEmailDto> | undefined): Promise<object> {
    return this.emails.send(SendEmailDto.from(body));
  }

  @Get(':id')
  async show(@Param('id', ParseIntPipe) id: number): Promise<object> {
    return this.emails.show(id);
  }
}
