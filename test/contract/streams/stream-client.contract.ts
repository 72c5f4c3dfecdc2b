import { describe } from 'vitest';
import { batchesContract } from './batches.contract.js';
import { deadLettersContract } from './dead-letters.contract.js';
import type { Driver } from './driver.js';
import { retriesContract } from './retries.contract.js';
import { sendingContract } from './sending.contract.js';
import { subscriptionsContract } from './subscriptions.contract.js';
import { visibilityContract } from './visibility.contract.js';

/** What StreamClient does on every engine. @param name says which, and what it ran on. */
export function streamClientContract(name: string, driver: Driver): void {
  describe(`StreamClient on ${name}`, () => {
    visibilityContract(driver);
    batchesContract(driver);
    retriesContract(driver);
    deadLettersContract(driver);
    sendingContract(driver);
    subscriptionsContract(driver);
  });
}
