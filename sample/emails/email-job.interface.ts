/** What the jobs of the queue `email` carry. */
export interface EmailJob {
  emailId: string;
  to: string;
  /** For trying out retries: every attempt to send it fails. */
  fail: boolean;
}
