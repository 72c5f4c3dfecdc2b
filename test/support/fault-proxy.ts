import net from 'node:net';

/** A TCP proxy before the database whose behaviour can be changed while connections are open. */
export interface FaultProxy {
  /** The database's address, through the proxy. */
  readonly url: string;
  readonly connections: number;
  /** `blackhole` swallows what is sent, like a dead network path. */
  mode: 'pass' | 'blackhole' | 'refuse';
  /** Called with what clients send, before it is passed on; false swallows it. */
  onSent: (sent: Buffer) => boolean;
  /** Breaks every open connection. */
  reset(): void;
  close(): Promise<void>;
}

export async function faultProxy(databaseUrl: string): Promise<FaultProxy> {
  const target = new URL(databaseUrl);
  const pairs = new Set<readonly [net.Socket, net.Socket]>();
  const server = net.createServer((client) => {
    if (proxy.mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = net.connect({ host: target.hostname, port: Number(target.port) });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const pipe = (from: net.Socket, to: net.Socket, may: (data: Buffer) => boolean): void => {
      from.on('data', (data) => {
        if (proxy.mode !== 'blackhole' && may(data)) to.write(data);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        pairs.delete(pair);
        to.destroy();
      });
    };
    pipe(client, upstream, (data) => proxy.onSent(data));
    pipe(upstream, client, () => true);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const through = new URL(databaseUrl);
  through.hostname = '127.0.0.1';
  through.port = String((server.address() as net.AddressInfo).port);
  const proxy: FaultProxy = {
    url: through.href,
    mode: 'pass',
    onSent: () => true,
    get connections() {
      return pairs.size;
    },
    reset() {
      for (const [client, upstream] of pairs) {
        client.resetAndDestroy();
        upstream.destroy();
      }
    },
    async close() {
      proxy.reset();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return proxy;
}
