export const both = () => ['default', 'tuned'];

/** Where only adding is measured: settings that add alike are measured once. */
export const producers = ({ sameProducer }) => (sameProducer ? ['default'] : ['default', 'tuned']);

export const defaults = () => ['default'];

/** This package is to need no tuning: its default settings against the others' best. */
export const best = ({ title }) => (title === 'nestjs-pgqueue' ? ['default'] : ['tuned']);
