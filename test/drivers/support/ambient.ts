import { type DynamicModule, Inject, Injectable, Module } from '@nestjs/common';
import {
  ClsPluginTransactional,
  InjectTransaction,
  Propagation,
  Transactional,
  type TransactionalAdapter,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { ClsModule } from 'nestjs-cls';
import type { TransactionHandle } from '../../../lib/index.js';

/** What an adapter is told to inject. */
export const CONNECTION = Symbol('connection');
export const LIBRARY = Symbol('library');

type Adapter<Tx> = TransactionalAdapter<any, Tx, any>;

/** A library with its adapter for `@nestjs-cls/transactional`, connected to the test's database. */
export interface Ambient<Tx = any> {
  /** Is provided as CONNECTION. */
  readonly connection: object;
  readonly adapter: Adapter<any>;
  /** Writes an order, as an application does it with the library. */
  order(tx: Tx, customer: string): PromiseLike<unknown>;
  close(): Promise<unknown>;
}

export function ambientModule({ connection, adapter }: Ambient): DynamicModule {
  @Module({ providers: [{ provide: CONNECTION, useValue: connection }], exports: [CONNECTION] })
  class Connections {}
  return ClsModule.forRoot({
    global: true,
    plugins: [new ClsPluginTransactional({ imports: [Connections], adapter, enableTransactionProxy: true })],
  });
}

/** A service of an application; the tests say what else it does in its transactions. */
@Injectable()
export class Orders {
  constructor(
    readonly host: TransactionHost<Adapter<TransactionHandle>>,
    /** Stands for the transaction that is open around its use. */
    @InjectTransaction() readonly tx: TransactionHandle,
    @Inject(LIBRARY) private readonly library: Ambient,
  ) {}

  /** In the transaction that is open around it. */
  async order(customer: string): Promise<void> {
    await this.library.order(this.host.tx, customer);
  }

  @Transactional()
  async place(customer: string, work: () => Promise<unknown>): Promise<void> {
    await this.order(customer);
    await work();
  }

  @Transactional(Propagation.Nested)
  async placeNested(customer: string, work: () => Promise<unknown>): Promise<void> {
    await this.order(customer);
    await work();
  }
}
