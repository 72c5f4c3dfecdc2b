import { z } from 'zod';
import { defineQueue } from '../../lib/index.js';

const email = z.object({
  emailId: z.string(),
  to: z.email(),
  /** For trying out retries: every attempt to send it fails. */
  fail: z.boolean(),
});
export type EmailJob = z.infer<typeof email>;

/** What the jobs of the queue `email` are, for those who add them and those who run them. */
export const Email = defineQueue('email', { welcome: email, receipt: email });
