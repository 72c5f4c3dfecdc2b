// shifts this process's wall clock by SKEW ms; on SIGUSR2, when JUMPS is set, by as much the other way
let skew = Number(process.env.SKEW ?? 0);
const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + skew);
    else super(...args);
  }
  static now() {
    return RealDate.now() + skew;
  }
};
if (process.env.JUMPS !== undefined) {
  process.on('SIGUSR2', () => {
    skew = -skew;
    process.send({ event: 'jumped', now: Date.now() });
  });
}
