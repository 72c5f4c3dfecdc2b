import { now, sleep } from '../lib/measure.mjs';
import { Recorder } from '../lib/recorder.mjs';

/** How often it says how far it has come: ms. */
const SAY = 5;

/**
 * Works jobs off. `sleeps`: how long each takes, in ms; otherwise they are no-ops. `stopAfter`: it takes no more after so
 * many.
 */
export function workerRole(adapter, { sleeps, stopAfter, ...about }) {
  const recorder = new Recorder();
  const noop = (data) => {
    recorder.begin(data);
    recorder.end(data);
    if (recorder.ended === stopAfter) setImmediate(() => void close());
  };
  const sleeping = async (data) => {
    recorder.begin(data);
    await sleep(sleeps);
    recorder.end(data);
  };
  let worker;
  let closing;
  const close = async () => {
    closing ??= worker?.close();
    await closing;
  };
  let said = 0;
  setInterval(() => {
    const { begun, ended } = recorder;
    if (begun + ended === said) return;
    said = begun + ended;
    process.send({ begun, ended }, () => undefined);
  }, SAY);

  return {
    open: async () => {
      worker = await adapter.worker({ ...about, run: sleeps ? sleeping : noop });
    },

    /** When it was told to. */
    async start() {
      const at = now();
      await worker.start();
      return at;
    },

    records: () => recorder.records,

    close,
  };
}
