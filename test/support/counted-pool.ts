import pg from 'pg';

/** A pool that notes the texts of the statements that match. */
export function countedPool(url: string, pattern: RegExp): { readonly pool: pg.Pool; readonly statements: string[] } {
  const pool = new pg.Pool({ connectionString: url });
  const statements: string[] = [];
  const connect = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  pool.connect = (async () => {
    const client = await connect();
    return new Proxy(client, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const { text = String(args[0]) } = args[0] as { text?: string };
          if (key === 'query' && pattern.test(text)) statements.push(text);
          return (value as (...all: unknown[]) => unknown).apply(target, args);
        };
      },
    });
  }) as never;
  return { pool, statements };
}
