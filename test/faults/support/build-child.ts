import path from 'node:path';
import { build } from 'vite';

/** Compiles the child application of a source tree, with that tree's lib/. */
export async function buildChild(root: string, file: string): Promise<string> {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: path.join(root, 'test/faults/support/children/worker.ts'),
      outDir: path.dirname(file),
      emptyOutDir: false,
      minify: false,
      rollupOptions: { output: { entryFileNames: path.basename(file) } },
    },
  });
  return file;
}
