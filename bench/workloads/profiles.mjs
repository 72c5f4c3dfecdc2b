/** The quick form does without what most of the others do not finish anyway. */
export const both = (adapter, quick) => (quick ? best(adapter) : ['default', 'tuned']);

/** Where only adding is measured: settings that add alike are measured once. */
export const producers = ({ sameProducer }) => (sameProducer ? ['default'] : ['default', 'tuned']);

export const defaults = () => ['default'];

/** This package is to need no tuning: its default settings against the others' best. */
export const best = ({ title }) => (title === 'nestjs-pgqueue' ? ['default'] : ['tuned']);

/** Those that are filled in seconds: what the quick form does with a large backlog. */
export const QUICK_TO_FILL = ['pgqueue', 'graphile-worker', 'pg-boss', 'bullmq-redis-everysec'];
