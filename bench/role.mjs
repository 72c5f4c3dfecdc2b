// A process that plays a producer or a worker of one system; lib/role-process.mjs tells it what to do.
import { loadAdapter } from './adapters/index.mjs';
import { applicationRole } from './roles/application.mjs';
import { producerRole } from './roles/producer.mjs';
import { workerRole } from './roles/worker.mjs';

const ROLES = { producer: producerRole, worker: workerRole, application: applicationRole };

const { role, system, ...about } = JSON.parse(process.argv[2]);
const commands = ROLES[role](await loadAdapter(system), about);

// when the runner has ended this process, nobody waits for its answers
const answer = (message) => process.send(message, () => undefined);
async function obey({ id, command, argument }) {
  try {
    answer({ id, result: await commands[command](argument) });
  } catch (error) {
    answer({ id, error: String(error?.stack ?? error) });
  }
}
process.on('message', (message) => void obey(message));
process.on('disconnect', () => process.exit());
// what a library leaves behind when its server is taken away must not end the measurement
process.on('unhandledRejection', (error) => console.error(error));
