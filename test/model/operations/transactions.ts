import type { Random } from '../random.js';
import { texts, type World } from '../world.js';
import { Transaction } from '../oracle/transaction.js';
import type { Operations } from './operation.js';

const MOST = 3;

async function begin(world: World, dice: Random): Promise<boolean> {
  if (world.transactions.length >= MOST) return false;
  await open(world, dice.chance(0.35));
  return true;
}

/** @param stays in REPEATABLE READ: what it sees. */
export async function open(world: World, stays: boolean): Promise<Transaction> {
  const text = world.nextTransaction();
  world.says(`begin ${text}${stays ? ' repeatable read' : ''}`);
  const { session, pid } = await world.transactionBackend();
  await session.client.query(`begin${stays ? ' isolation level repeatable read' : ''}`);
  if (stays) await session.client.query(`select from ${world.s}.queue`);
  const tx = new Transaction(text, session, pid, stays ? world.oracle.snapshot() : undefined);
  world.transactions.push(tx);
  return tx;
}

/** Ends a transaction, in the log and in the oracle. */
export async function endTransaction(
  world: World,
  tx: Transaction,
  how: 'commit' | 'rollback' | 'disconnect',
): Promise<void> {
  const backend = { session: tx.session, pid: tx.pid };
  if (how === 'disconnect') await world.disconnect(backend);
  else await tx.session.client.query(how);
  if (how !== 'disconnect') world.release(backend);
  world.transactions.splice(world.transactions.indexOf(tx), 1);
  if (how === 'commit') world.oracle.commit(tx.effects);
  else tx.undo(0);
}

function ends(how: 'commit' | 'rollback' | 'disconnect') {
  return async (world: World, dice: Random): Promise<boolean> => {
    const tx = dice.oneOf(world.transactions);
    if (tx === undefined) return false;
    world.says(`${how === 'disconnect' ? 'cut the connection of' : how} ${tx.text} (added ${texts(tx.added)})`);
    await endTransaction(world, tx, how);
    return true;
  };
}

async function savepoint(world: World, dice: Random): Promise<boolean> {
  const tx = dice.oneOf(world.transactions);
  if (tx === undefined) return false;
  world.says(`savepoint ${tx.savepoints.length} in ${tx.text}`);
  await tx.session.client.query(`savepoint s${tx.savepoints.length}`);
  tx.savepoints.push(tx.effects.length);
  return true;
}

async function rollbackTo(world: World, dice: Random): Promise<boolean> {
  const tx = dice.oneOf(world.transactions.filter(({ savepoints }) => savepoints.length > 0));
  if (tx === undefined) return false;
  const name = dice.int(tx.savepoints.length);
  world.says(`rollback to savepoint ${name} in ${tx.text}`);
  await tx.session.client.query(`rollback to s${name}`);
  tx.undo(tx.savepoints[name]!);
  tx.savepoints.splice(name + 1);
  return true;
}

export const transactions: Operations = {
  begin: { weight: 5, run: begin },
  commit: { weight: 4, run: ends('commit') },
  rollback: { weight: 2, run: ends('rollback') },
  disconnect: { weight: 0.5, run: ends('disconnect') },
  savepoint: { weight: 2, run: savepoint },
  rollbackTo: { weight: 1, run: rollbackTo },
};
