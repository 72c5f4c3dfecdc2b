import { BadRequestException } from '@nestjs/common';
import type { Duration } from '../../lib/index.js';

export type Template = 'welcome' | 'receipt';
const TEMPLATES: readonly unknown[] = ['welcome', 'receipt'] satisfies Template[];

/** The body of POST /emails. */
export class SendEmailDto {
  to!: string;
  template: Template = 'welcome';
  /** Passed on to `add()`, which checks it. */
  delay?: Duration;
  fail = false;

  static from(body: Partial<SendEmailDto> | undefined): SendEmailDto {
    const email = Object.assign(new SendEmailDto(), body);
    if (typeof email.to !== 'string' || !email.to.includes('@')) {
      throw new BadRequestException('to must be an e-mail address');
    }
    if (!TEMPLATES.includes(email.template))
      throw new BadRequestException(`template is one of ${TEMPLATES.join(', ')}`);
    return email;
  }
}
