import { PrismaPg } from '@prisma/adapter-pg';
import { type Prisma, PrismaClient } from './.generated/generated/prisma/client.js';
import { describeDriver } from './contract.js';

const client = (url: string): PrismaClient => new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) });
// the work waits for what it must not see, and a machine may be slow
const options = { timeout: 20_000 };

describeDriver<Prisma.TransactionClient>("Prisma's interactive transaction", async ({ url }) => {
  const prisma = client(url);
  return {
    transaction: (work) => prisma.$transaction(work, options),
    run: (tx, statement) => tx.$executeRawUnsafe(statement),
    roots: { 'a PrismaClient': prisma },
    ended: 'fails',
    close: () => prisma.$disconnect(),
  };
});

const extended = (url: string) =>
  client(url).$extends({
    client: { $hello: () => 'hello' },
    query: { $allOperations: async ({ args, query }) => query(args) },
  });
type Extended = ReturnType<typeof extended>;
type ExtendedTransaction = Parameters<Parameters<Extended['$transaction']>[0]>[0];

describeDriver<ExtendedTransaction>('the interactive transaction of an extended PrismaClient', async ({ url }) => {
  const prisma = extended(url);
  return {
    transaction: (work) => prisma.$transaction(work, options),
    run: (tx, statement) => tx.$executeRawUnsafe(statement),
    roots: { 'a PrismaClient': prisma },
    ended: 'fails',
    close: () => prisma.$disconnect(),
  };
});
