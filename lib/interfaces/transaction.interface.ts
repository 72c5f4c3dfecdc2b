/** Runs one statement: a `pg` client does. */
export interface SqlExecutor {
  query(text: string, values?: any[]): Promise<any>;
}

/** What `tx` accepts: the connected `pg` client on which the transaction was begun. A pool is refused: it would commit at once. */
export type TransactionHandle = SqlExecutor;

/** Whether a call joins the transaction that is open around it; `required`: and throws outside of one. */
export type TransactionMode = 'auto' | 'required' | 'never';
