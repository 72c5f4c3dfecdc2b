import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EmailJob } from './email.contract.js';

/** Stands for a mail provider. */
@Injectable()
export class Mailer {
  /** Gives up when the signal aborts: on a timeout, or when a shutdown takes too long. */
  async send({ to, fail }: EmailJob, signal: AbortSignal): Promise<string> {
    await setTimeout(100, undefined, { signal });
    if (fail) throw new Error(`the mail server refuses ${to}`);
    return randomUUID();
  }
}
