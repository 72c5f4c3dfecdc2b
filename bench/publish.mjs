// npm run publish-results (in bench/) puts results/latest.md and its charts into this folder's README.
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

const at = (...names) => path.join(import.meta.dirname, ...names);
const readme = readFileSync(at('README.md'), 'utf8');
const [before, rest] = readme.split(BEGIN);
const [, after] = rest.split(END);
rmSync(at('charts'), { recursive: true, force: true });
cpSync(at('results/charts'), at('charts'), { recursive: true });
writeFileSync(at('README.md'), `${before}${BEGIN}\n\n${readFileSync(at('results/latest.md'), 'utf8')}\n${END}${after}`);
