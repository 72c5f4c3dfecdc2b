import { STREAM_LANE } from '../../../worker-engine.interface.js';

/** Keys are spread over so many slots, by their hash: of a group that holds keys one process at a time reads a slot. A power of two. */
export const SLOTS = 16;

/** Of a group that holds keys: the lane of its first slot, and that of events without a key. */
export const FIRST_SLOT_LANE = STREAM_LANE + 1;
export const NO_KEY_LANE = STREAM_LANE + 1 + SLOTS;

/** Which events a lane is of, as read_events() wants it. */
export const slotOf = (lane: string): string =>
  `(case ${lane} when ${STREAM_LANE} then null when ${NO_KEY_LANE} then -1 else ${lane} - (${FIRST_SLOT_LANE}) end)::smallint`;

/** The lanes a group reads, as a set of rows `lane`. */
export const LANES_OF = (hold: string): string =>
  `generate_series(case ${hold} when 'key' then ${FIRST_SLOT_LANE} else ${STREAM_LANE} end, case ${hold} when 'key' then ${NO_KEY_LANE} else ${STREAM_LANE} end)`;

/** What waits while an event is retried, as a group's settings say. */
export const holdOf = (settings: string): string => `coalesce(${settings}->>'hold', 'nothing')`;

/** A statement on events, by a condition on `e`: one for a slot of keys, which has an index of its own, and one for all others. */
export const bySlot = (statement: (which: string) => string): string => `
        if _slot >= 0 then${statement('and e.slot = _slot')}
        else${statement('and (_slot is null or e.key is null)')}
        end if;`;
