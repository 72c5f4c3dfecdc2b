import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);

it("each library's own transaction type is a TransactionHandle, and the documents' examples compile", async () => {
  const tsc = path.resolve('node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, '-p', import.meta.dirname]).catch(
    (failed: { stdout: string }) => failed,
  );
  expect(stdout).toBe('');
}, 180_000);
