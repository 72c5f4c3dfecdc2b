import { Sequelize, type Transaction } from 'sequelize';
import { describeDriver } from './contract.js';

describeDriver<Transaction>("Sequelize's transaction", async ({ url }) => {
  const sequelize = new Sequelize(url, { logging: false });
  return {
    transaction: (work) => sequelize.transaction(work),
    run: (transaction, statement) => sequelize.query(statement, { transaction }),
    roots: { 'a Sequelize instance': sequelize },
    ended: 'refused',
    close: () => sequelize.close(),
  };
});
