import { EntitySchema, MikroORM, type SqlEntityManager } from '@mikro-orm/postgresql';
import { describeDriver } from './contract.js';

const Effect = new EntitySchema({ name: 'Effect', properties: { what: { type: 'string', primary: true } } });

const connected = async (url: string): Promise<MikroORM> => MikroORM.init({ clientUrl: url, entities: [Effect] });
const run = (em: SqlEntityManager, statement: string): Promise<unknown> => em.execute(statement);

describeDriver<SqlEntityManager>("MikroORM's EntityManager in transactional()", async ({ url }) => {
  const orm = await connected(url);
  return {
    transaction: (work) => orm.em.fork().transactional(work),
    run,
    // it knows the transaction that it is called in
    others: () => ({ em: orm.em }),
    roots: { 'a MikroORM EntityManager without an open transaction': orm.em },
    ended: 'refused',
    close: () => orm.close(),
  };
});

describeDriver<SqlEntityManager>("MikroORM's EntityManager after begin()", async ({ url }) => {
  const orm = await connected(url);
  return {
    async transaction(work) {
      const em = orm.em.fork();
      await em.begin();
      try {
        await work(em);
        await em.commit();
      } catch (error) {
        await em.rollback();
        throw error;
      }
    },
    run,
    roots: { 'a MikroORM EntityManager without an open transaction': orm.em.fork() },
    ended: 'refused',
    close: () => orm.close(),
  };
});
