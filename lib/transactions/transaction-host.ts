/** As much as is needed of the `TransactionHost` of `@nestjs-cls/transactional`. */
export interface TransactionHost {
  isTransactionActive(): boolean;
  /** The open transaction's handle, as its adapter gives it. */
  readonly tx: unknown;
  withTransaction<T>(work: () => Promise<T>): Promise<T>;
}

/**
 * The injection token of the application's transaction host; undefined where the package is not installed. It is loaded here and
 * nowhere else: an optional peer.
 */
export async function transactionHostToken(connection?: string): Promise<string | symbol | Function | undefined> {
  try {
    const { getTransactionHostToken } = await import('@nestjs-cls/transactional');
    return getTransactionHostToken(connection);
  } catch (error) {
    // what is installed and cannot be loaded is not passed over
    if ((error as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}
