// shifts this process's wall clock: by SKEW ms, and by as much again the other way from JUMP_AFTER ms on
const skew = Number(process.env.SKEW ?? 0);
const jumpAfter = Number(process.env.JUMP_AFTER ?? Infinity);
const RealDate = Date;
const now = () => RealDate.now() + (performance.now() < jumpAfter ? skew : -skew);
globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(now());
    else super(...args);
  }
  static now() {
    return now();
  }
};
