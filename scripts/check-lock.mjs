// Says which optional platform packages a lock file lacks: `npm ci` fails on such a lock file.
import { readFileSync } from 'node:fs';
const { packages } = JSON.parse(readFileSync(process.argv[2] ?? 'package-lock.json', 'utf8'));
let bad = 0;
for (const [at, p] of Object.entries(packages))
  for (const dep of Object.keys({ ...p.optionalDependencies, ...p.dependencies })) {
    let dir = at,
      found = false;
    for (;;) {
      if (packages[(dir ? dir + '/' : '') + 'node_modules/' + dep]) {
        found = true;
        break;
      }
      if (!dir) break;
      dir = dir.includes('/node_modules/') ? dir.slice(0, dir.lastIndexOf('/node_modules/')) : '';
    }
    if (!found) {
      bad++;
      console.log(`${at || '(root)'} ${p.version ?? ''}: ${dep}`);
    }
  }
console.log(bad ? `${bad} missing` : 'lock file complete');
process.exit(bad ? 1 : 0);
