import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { handlersOf, type ProcessorDefinition } from '../runtime/processor-definition.js';

/** For claims and outcomes, and for what handlers ask beside their transactions. */
const BESIDE = 2;

/**
 * A transactional handler holds a connection while it runs: with none left, nothing would be fetched, and none would end.
 *
 * @throws InvalidOptionsError
 */
export function refuseSmallPool(definitions: readonly ProcessorDefinition[], size: number): void {
  const holding = definitions.filter((one) => handlersOf(one).some(({ transactional }) => transactional === true));
  const slots = holding.reduce((sum, { options }) => sum + options.concurrency, 0);
  if (slots === 0 || size >= slots + BESIDE) return;
  const which = holding.map(({ label, options }) => `${label} (concurrency ${options.concurrency})`).join(', ');
  throw new InvalidOptionsError(
    'connection.max',
    `PgQueueModule.forRoot(): a pool of ${size} connections is too small for the transactional handlers of ${which}, each of which holds one: set max to ${slots + BESIDE} or more, as connection: { connectionString, max: ${slots + BESIDE} }, or a lower concurrency`,
  );
}
