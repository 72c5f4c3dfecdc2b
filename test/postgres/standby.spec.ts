import { mkdtempSync, rmSync, statSync, chownSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { PgConnection } from '../../lib/engine/postgres/connection.js';
import { StandbyError } from '../../lib/errors/standby.error.js';
import { resolveModuleOptions } from '../../lib/pg-queue.options.js';
import { startLocalPostgres } from '../../sample/local-postgres.js';

it('a standby is refused at startup, with the remedy', async () => {
  const home = mkdtempSync(path.join(tmpdir(), 'standby-'));
  try {
    const primary = await startLocalPostgres({ dataDir: path.join(home, 'cluster'), settings: { fsync: 'off' } });
    await primary.stop();
    const signal = path.join(primary.dataDir, 'standby.signal');
    writeFileSync(signal, '');
    const { uid, gid } = statSync(primary.dataDir);
    chownSync(signal, uid, gid);
    const standby = await startLocalPostgres({
      dataDir: path.join(home, 'cluster'),
      settings: { fsync: 'off', hot_standby: 'on' },
    });
    try {
      const connection = new PgConnection(resolveModuleOptions({ connection: standby.url, logger: false }));
      const starting = connection.start();
      await expect(starting).rejects.toThrow(StandbyError);
      await expect(starting).rejects.toThrow(/primary.*target_session_attrs/s);
      await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'PGQUEUE_DATABASE_UNAVAILABLE' });
    } finally {
      await standby.stop();
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}, 60_000);
