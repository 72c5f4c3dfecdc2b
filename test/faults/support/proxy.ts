import net from 'node:net';

/** One connection through the proxy. */
export interface Link {
  readonly client: net.Socket;
  readonly server: net.Socket;
  /** Whether LISTEN went through it. */
  readonly listens: boolean;
  readonly opened: number;
}

/** How the network is: `stall` keeps what is sent until it is well again, as TCP does; `swallow` loses it. */
export type Weather = 'well' | 'stall' | 'swallow' | 'slow' | 'refuse';

interface OpenLink {
  client: net.Socket;
  server: net.Socket;
  listens: boolean;
  opened: number;
  own: Weather | undefined;
  held: (() => void)[];
}

/** A TCP proxy before the database that a test can make misbehave in every way. */
export class Proxy {
  readonly url: string;
  readonly #server: net.Server;
  readonly #links = new Set<OpenLink>();
  #weather: Weather = 'well';
  #slowBy = 2_000;
  #target: URL;
  /** How many connections were made through it. */
  connected = 0;

  private constructor(server: net.Server, url: string, target: URL) {
    this.#server = server;
    this.#target = target;
    this.url = url;
  }

  static async before(databaseUrl: string): Promise<Proxy> {
    const target = new URL(databaseUrl);
    const server = net.createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const through = new URL(databaseUrl);
    through.port = String((server.address() as net.AddressInfo).port);
    const proxy = new Proxy(server, through.href, target);
    server.on('connection', (client) => proxy.#connect(client));
    return proxy;
  }

  get links(): readonly Link[] {
    return [...this.#links];
  }

  get weather(): Weather {
    return this.#weather;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    this.#release();
  }

  /** One connection's own. */
  setWeather(link: Link, weather: Weather | undefined): void {
    (link as OpenLink).own = weather;
    this.#release();
  }

  /** New connections go to another server, as when a name comes to mean another address. */
  retarget(databaseUrl: string): void {
    this.#target = new URL(databaseUrl);
  }

  /** Breaks every connection with RST; how many. */
  reset(): number {
    return this.#each((link) => {
      link.client.resetAndDestroy();
      link.server.resetAndDestroy();
    });
  }

  /** The client's side is closed by FIN; the server learns nothing of it. How many. */
  halfClose(): number {
    return this.#each((link) => link.client.end());
  }

  async close(): Promise<void> {
    this.#each((link) => {
      link.client.destroy();
      link.server.destroy();
    });
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #connect(client: net.Socket): void {
    this.connected++;
    if (this.#weather === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const server = net.connect({ host: this.#target.hostname, port: Number(this.#target.port), noDelay: true });
    client.setNoDelay(true);
    const link: OpenLink = { client, server, listens: false, opened: Date.now(), own: undefined, held: [] };
    this.#links.add(link);
    const pass = (from: net.Socket, to: net.Socket): void => {
      from.on('data', (data) => {
        if (from === client && data.toString('latin1').toLowerCase().includes('listen "')) link.listens = true;
        this.#pass(link, () => to.writable && to.write(data));
      });
      from.on('error', () => undefined);
    };
    pass(client, server);
    pass(server, client);
    server.on('close', () => {
      this.#links.delete(link);
      // what the server's end tells the client travels the same way
      this.#pass(link, () => client.destroy());
    });
    client.on('close', () => {
      this.#pass(link, () => server.destroy());
    });
  }

  #pass(link: OpenLink, deliver: () => void): void {
    const weather = link.own ?? this.#weather;
    if (weather === 'swallow') return;
    if (weather === 'slow') setTimeout(deliver, this.#slowBy);
    else if (weather === 'stall') link.held.push(deliver);
    else deliver();
  }

  #release(): void {
    for (const link of this.#links) {
      const weather = link.own ?? this.#weather;
      if (weather === 'stall' || weather === 'swallow') continue;
      for (const deliver of link.held.splice(0)) deliver();
    }
  }

  #each(act: (link: OpenLink) => void): number {
    const links = [...this.#links];
    for (const link of links) act(link);
    return links.length;
  }
}
