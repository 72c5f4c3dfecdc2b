import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { describeDriver } from './contract.js';

const connected = async (url: string): Promise<DataSource> => new DataSource({ type: 'postgres', url }).initialize();

describeDriver<EntityManager>("TypeORM's EntityManager", async ({ url }) => {
  const dataSource = await connected(url);
  return {
    transaction: (work) => dataSource.transaction(work),
    run: (manager, statement) => manager.query(statement),
    others: (manager) => ({ runner: manager.queryRunner! }),
    roots: {
      'a TypeORM DataSource': dataSource,
      'a TypeORM EntityManager without an open transaction': dataSource.manager,
    },
    ended: 'refused',
    close: () => dataSource.destroy(),
  };
});

describeDriver<QueryRunner>("TypeORM's QueryRunner", async ({ url }) => {
  const dataSource = await connected(url);
  const idle = dataSource.createQueryRunner();
  return {
    async transaction(work) {
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      try {
        await work(runner);
        await runner.commitTransaction();
      } catch (error) {
        await runner.rollbackTransaction();
        throw error;
      } finally {
        await runner.release();
      }
    },
    run: (runner, statement) => runner.query(statement),
    others: (runner) => ({ manager: runner.manager }),
    roots: {
      'a TypeORM QueryRunner without an open transaction': idle,
      'a TypeORM EntityManager without an open transaction': idle.manager,
    },
    ended: 'refused',
    close: () => dataSource.destroy(),
  };
});
