import { postmasterOf } from './cpu.mjs';
import { connect } from './postgres.mjs';

/** A fresh database for each cell, on one server. */
export class Databases {
  #url;
  #client;
  #name = `bench_${process.pid}`;

  static async open(url) {
    const databases = new Databases();
    databases.#url = url;
    databases.#client = await connect(url);
    const { rows } = await databases.#client.query(`select pg_backend_pid() as pid,
      current_setting('server_version') as version, current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as synchronous_commit`);
    const [{ pid, ...settings }] = rows;
    databases.pid = postmasterOf(pid);
    databases.settings = settings;
    return databases;
  }

  async createDatabase() {
    await this.dropDatabase();
    await this.#client.query(`create database ${this.#name} template template0`);
    const url = new URL(this.#url);
    url.pathname = this.#name;
    return url.href;
  }

  async dropDatabase() {
    await this.#client.query(`drop database if exists ${this.#name} with (force)`);
  }

  async close() {
    await this.#client.end();
  }
}
