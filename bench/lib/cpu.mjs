import { readFileSync, readdirSync } from 'node:fs';

/** Milliseconds in one of the kernel's ticks: 100 a second wherever Linux runs Node. */
const TICK = 10;

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [, parent] = fields;
    const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15);
    return { parent, own: (user + system) * TICK, ended: (childrenUser + childrenSystem) * TICK };
  } catch {
    return undefined;
  }
}

/** CPU time that a process has used: ms. */
export function processCpu(pid) {
  return stat(pid)?.own ?? 0;
}

/** CPU time of a server: its own, and that of its children, those that have ended included. */
export function serverCpu(pid) {
  const server = pid === undefined ? undefined : stat(pid);
  if (!server) return 0;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(stat)
    .filter((other) => other?.parent === pid);
  return server.own + server.ended + children.reduce((sum, { own }) => sum + own, 0);
}

/** What the whole machine has used, and what its host has taken from it: ms of all its CPUs. */
export function machineCpu() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return { busy: (user + nice + system + irq + softirq) * TICK, steal: steal * TICK };
}

/** The process that a PostgreSQL backend is a child of, if the server runs here. */
export function postmasterOf(backend) {
  try {
    if (!readFileSync(`/proc/${backend}/comm`, 'utf8').startsWith('postgres')) return undefined;
    return stat(backend)?.parent;
  } catch {
    return undefined;
  }
}
