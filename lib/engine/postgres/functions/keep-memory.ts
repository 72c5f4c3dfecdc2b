/** Freed at once, in bytes: from then on about twice as much is kept. A claim of a thousand jobs, in one row, needs less. */
const FREED = 2_000_000;
/** lpad() reserves as many bytes for a character of UTF-8, and writes one. */
const RESERVED = 4;

/**
 * Once in a session, has the server's allocator keep what it frees. glibc gives memory at the heap's end back to the system
 * from 128 KiB on, until a larger piece was freed (mallopt(3): M_MMAP_THRESHOLD is dynamic). Without this some plans are
 * just large enough for each claim to take its memory anew, page by page: 20 page faults for one job, 350 for a thousand.
 */
export const KEEP_MEMORY = `if current_setting('nestjs.keeps_memory', true) is null then
    perform set_config('nestjs.keeps_memory', length(lpad('', ${FREED / RESERVED}, 'x'))::text, false);
  end if;`;
