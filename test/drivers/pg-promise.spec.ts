import pgPromise, { type ITask } from 'pg-promise';
import { describeDriver } from './contract.js';

describeDriver<ITask<object>>("pg-promise's transaction", async ({ url }) => {
  const db = pgPromise({ noWarnings: true })(url);
  const connection = await db.connect();
  const task = await db.task(async (t) => t);
  return {
    transaction: (work) => db.tx(work),
    run: (t, statement) => t.none(statement),
    roots: {
      'db of pg-promise itself': db,
      'a connection of pg-promise': connection,
      'a pg-promise task outside of a transaction': task,
    },
    ended: 'refused',
    async close() {
      await connection.done();
      await db.$pool.end();
    },
  };
});
