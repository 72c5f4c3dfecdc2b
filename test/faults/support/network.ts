import { execFileSync } from 'node:child_process';

const SIDE = 'pgq-faults-a';
const MIDDLE = 'pgq-faults-m';
/** The server's address on this side, and the other host's. */
export const HERE = '10.231.81.1';
const MIDDLE_HERE = '10.231.81.2';
const MIDDLE_THERE = '10.231.82.1';
const THERE = '10.231.82.2';

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Whether this machine lets a test have network namespaces. */
export function hasNamespaces(): boolean {
  try {
    ip('netns', 'add', 'pgq-faults-probe');
    ip('netns', 'del', 'pgq-faults-probe');
    return true;
  } catch {
    return false;
  }
}

/**
 * Another host behind a router: two network namespaces. The router can stop forwarding, as when a switch dies: nobody is
 * told, and whatever is sent is gone.
 */
export class OtherHost {
  /** Before a command that is to run there. */
  readonly prefix: readonly string[] = ['ip', 'netns', 'exec', SIDE];

  static open(): OtherHost {
    OtherHost.#remove();
    ip('netns', 'add', MIDDLE);
    ip('netns', 'add', SIDE);
    ip('link', 'add', 'pgqf0', 'type', 'veth', 'peer', 'name', 'pgqf1', 'netns', MIDDLE);
    ip('-n', MIDDLE, 'link', 'add', 'pgqf2', 'type', 'veth', 'peer', 'name', 'pgqf3', 'netns', SIDE);
    ip('addr', 'add', `${HERE}/24`, 'dev', 'pgqf0');
    ip('-n', MIDDLE, 'addr', 'add', `${MIDDLE_HERE}/24`, 'dev', 'pgqf1');
    ip('-n', MIDDLE, 'addr', 'add', `${MIDDLE_THERE}/24`, 'dev', 'pgqf2');
    ip('-n', SIDE, 'addr', 'add', `${THERE}/24`, 'dev', 'pgqf3');
    ip('link', 'set', 'pgqf0', 'up');
    for (const [where, device] of [
      [MIDDLE, 'pgqf1'],
      [MIDDLE, 'pgqf2'],
      [SIDE, 'pgqf3'],
      [SIDE, 'lo'],
    ]) {
      ip('-n', where!, 'link', 'set', device!, 'up');
    }
    ip('route', 'add', '10.231.82.0/24', 'via', MIDDLE_HERE);
    ip('-n', SIDE, 'route', 'add', 'default', 'via', MIDDLE_THERE);
    const host = new OtherHost();
    host.#forward(true);
    return host;
  }

  cut(): void {
    this.#forward(false);
  }

  heal(): void {
    this.#forward(true);
  }

  close(): void {
    OtherHost.#remove();
  }

  #forward(on: boolean): void {
    ip('netns', 'exec', MIDDLE, 'sysctl', '-qw', `net.ipv4.ip_forward=${on ? 1 : 0}`);
  }

  static #remove(): void {
    for (const args of [
      ['link', 'del', 'pgqf0'],
      ['netns', 'del', SIDE],
      ['netns', 'del', MIDDLE],
    ]) {
      try {
        ip(...args);
      } catch {
        // it was not there
      }
    }
  }
}
