import { hasMethods } from './has-methods.js';
import { commitsAtOnce } from './refusals.js';
import { executorOf, type TransactionDriver } from './transaction-driver.interface.js';

interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: readonly unknown[]): PromiseLike<unknown>;
}

const TX = 'the tx of prisma.$transaction(async (tx) => { … })';

/**
 * Prisma's interactive transaction, also of an extended client: a client that cannot connect. It is a proxy.
 *
 * - Whether it has ended it does not show; Prisma then refuses what is run on it.
 */
export const prisma: TransactionDriver = {
  accepted: `Prisma's tx of prisma.$transaction(async (tx) => { … })`,
  executor(handle) {
    if (!isPrisma(handle) || isClient(handle)) return undefined;
    return executorOf((text, values) => handle.$queryRawUnsafe(text, ...values));
  },
  refusal(handle) {
    return isPrisma(handle) ? commitsAtOnce('a PrismaClient', TX) : undefined;
  },
};

function isPrisma(handle: object): handle is PrismaTransaction {
  return hasMethods(handle, '$queryRawUnsafe', '$executeRawUnsafe');
}

function isClient(handle: object): boolean {
  return hasMethods(handle, '$connect');
}
