/* The memory of an instance that rests: pages go back to what the module's image says, and what differs is kept aside.
 *
 * A guest writes a word here and there into pages that all instances of its module share until then, and each such word
 * costs a page. Between two turns nobody looks at them. So the pages that are the instance's own are found by what the
 * kernel tells of them (/proc/self/pagemap), copied, given back (MADV_DONTNEED: they read as the image, or as zeros,
 * again, which is also how Wasmtime's pool makes a slot new), and compared. What differs is kept, and written back
 * before the next turn begins. A page of which more than a half differs is written back at once: it stays as it was.
 *
 * The work is done window by window, some windows in each call, so that nobody waits for long; a turn may begin between
 * two calls. What is kept has a bound as well: to write it back is what the next turn waits for. Nothing is given back
 * before all that could be needed to restore it is there. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim_private.h"

enum {
  OS_PAGE = 4096,
  WORDS = OS_PAGE / 4,
  WINDOW = 16,                   /* pages that the kernel maps when it has to map one of them, as they lie */
  MOST_DIFFERENCE = OS_PAGE / 2, /* bytes that are kept of one page */
  MOST_KEPT = 1024,              /* pages of which something is kept */
  AT_A_TIME = 256,               /* own pages that one call looks at, about */
  ENTRIES = 512,                 /* of the kernel's table, which are read at a time */
  READS = 64,                    /* of those in one call: 128 MiB of memory */
  FIRST = 256,                   /* own pages after which it is asked whether it is worth going on */
  MOST_RANGES = 8
};

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FILE_PAGE (1ull << 61) /* or shared: not this process's own */

/* What is kept of all memories: for each `memory` and page, its number, runs of words that differ, and a run of none. */
struct cx_kept {
  uint32_t nranges;
  memory_t memories[MOST_RANGES];
  uint64_t ends[MOST_RANGES]; /* of the differences of each, in `bytes` */
  uint8_t *bytes;
  uint64_t length, room;
  /* Where looking goes on: in which memory, at which of its pages. */
  uint32_t range;
  uint64_t page;
  uint64_t gone; /* pages that are there no more */
  uint32_t pages, seen, dense; /* of which something is kept; own ones; those that were written back */
  bool is_done;
};

typedef struct { uint16_t at, count; } run_t;

/* A window: which of its pages are the instance's own, and their contents. */
typedef struct {
  uint8_t *base;
  uint64_t first;
  uint32_t count, own; /* `own`: a bit for each page */
  uint8_t (*copies)[OS_PAGE];
} window_t;

/* ---- what differs ----------------------------------------------------------------------------------------- */

static bool same_word(const uint8_t *a, const uint8_t *b, uint32_t word) { return memcmp(a + word * 4, b + word * 4, 4) == 0; }

/* The end of the run that begins at `word`: a single word that is the same is cheaper taken along. */
static uint32_t run_end(const uint8_t *had, const uint8_t *now, uint32_t word) {
  uint32_t end = word + 1;
  for (; end < WORDS; end++)
    if (same_word(had, now, end) && (end + 1 == WORDS || same_word(had, now, end + 1))) break;
  return end;
}

/* A place to write to, which ends: what has no room is not written, and `full` says so. */
typedef struct { uint8_t *at, *end; bool full; } sink_t;

static void put(sink_t *to, const void *from, size_t length) {
  if (to->full || length > (size_t)(to->end - to->at)) {
    to->full = true;
    return;
  }
  memcpy(to->at, from, length);
  to->at += length;
}

/* The differences of one page into `to`, of MOST_DIFFERENCE bytes; how many there are, or -1 where they are more. */
static int64_t put_page(uint8_t *to, uint32_t page, const uint8_t *had, const uint8_t *now) {
  if (memcmp(had, now, OS_PAGE) == 0) return 0;
  sink_t sink = {to, to + MOST_DIFFERENCE, false};
  put(&sink, &page, sizeof page);
  for (uint32_t word = 0; word < WORDS && !sink.full;) {
    if (same_word(had, now, word)) {
      word++;
      continue;
    }
    uint32_t end = run_end(had, now, word);
    run_t run = {(uint16_t)word, (uint16_t)(end - word)};
    put(&sink, &run, sizeof run);
    put(&sink, had + word * 4, run.count * 4u);
    word = end;
  }
  run_t none = {0, 0};
  put(&sink, &none, sizeof none);
  return sink.full ? -1 : (int64_t)(sink.at - to);
}

/* ---- one window ------------------------------------------------------------------------------------------- */

static uint8_t *page_at(const window_t *window, uint32_t page) { return window->base + (size_t)page * OS_PAGE; }

static bool give_back(uint8_t *from, uint8_t *to) { return from == to || madvise(from, (size_t)(to - from), MADV_DONTNEED) == 0; }

/* Room for what one more window can bring. */
static bool make_room(struct cx_kept *kept) {
  enum { MORE = WINDOW * MOST_DIFFERENCE };
  if (kept->room - kept->length >= MORE) return true;
  uint64_t room = kept->room * 2 > kept->length + MORE ? kept->room * 2 : kept->length + MORE;
  uint8_t *bytes = realloc(kept->bytes, (size_t)room);
  if (!bytes) return false;
  kept->bytes = bytes;
  kept->room = room;
  return true;
}

static void copy_back(const window_t *window) {
  for (uint32_t i = 0; i < window->count; i++)
    if (window->own >> i & 1) memcpy(page_at(window, i), window->copies[i], OS_PAGE);
}

/* Keeps what differs. Answers a bit for each page that stays, as it differs too much. */
static uint32_t keep_window(struct cx_kept *kept, const window_t *window) {
  uint32_t stays = 0;
  for (uint32_t i = 0; i < window->count; i++) {
    if (!(window->own >> i & 1)) continue;
    int64_t size = put_page(kept->bytes + kept->length, (uint32_t)(window->first + i), window->copies[i], page_at(window, i));
    kept->seen++;
    if (size < 0) {
      memcpy(page_at(window, i), window->copies[i], OS_PAGE);
      stays |= 1u << i;
      kept->dense++;
    } else if (size) {
      kept->length += (uint64_t)size;
      kept->pages++;
    }
  }
  return stays;
}

/* Gives back the pages of the image that were only looked at. */
static void give_rest_back(const window_t *window, uint32_t stays) {
  for (uint32_t i = 0; i < window->count;) {
    uint32_t end = i + 1;
    while (end < window->count && (stays >> end & 1) == (stays >> i & 1)) end++;
    if (!(stays >> i & 1)) give_back(page_at(window, i), page_at(window, end));
    i = end;
  }
}

/* False where all is as it was. */
static bool fold_window(struct cx_kept *kept, window_t *window) {
  if (!make_room(kept)) return false;
  for (uint32_t i = 0; i < window->count; i++)
    if (window->own >> i & 1) memcpy(window->copies[i], page_at(window, i), OS_PAGE);
  if (!give_back(window->base, page_at(window, window->count))) { /* memory that is locked, of which a part may have gone */
    copy_back(window);
    return false;
  }
  give_rest_back(window, keep_window(kept, window));
  return true;
}

/* ---- one memory after the other --------------------------------------------------------------------------- */

/* Bits of the window's pages that are there, and of those that are the instance's own. */
static uint32_t there(const uint64_t *entries, uint32_t count, uint32_t *own) {
  uint32_t found = 0;
  *own = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (!(entries[i] & (PRESENT | SWAPPED))) continue;
    found |= 1u << i;
    if (!(entries[i] & FILE_PAGE)) *own |= 1u << i;
  }
  return found;
}

static bool is_worth_it(const struct cx_kept *kept) {
  return kept->pages < MOST_KEPT && (kept->seen < FIRST || kept->dense <= kept->seen / 4 * 3);
}

/* Looks at the next pages of a memory, from `entries` on, until so many own ones have been seen in all. False where
 * something has not gone as it should. */
static bool fold_some(struct cx_kept *kept, const uint64_t *entries, uint64_t count, uint32_t until,
                      uint8_t (*copies)[OS_PAGE]) {
  uint8_t *base = kept->memories[kept->range].base + kept->page * OS_PAGE;
  uint8_t *others = base; /* from here on there is nothing of the instance's own, which goes in one piece */
  uint64_t done = 0;
  bool good = true;
  while (done < count && good && kept->seen < until && is_worth_it(kept)) {
    uint32_t size = WINDOW - (uint32_t)((uintptr_t)(base + done * OS_PAGE) / OS_PAGE % WINDOW), own;
    if (size > count - done) size = (uint32_t)(count - done);
    kept->gone += (uint64_t)__builtin_popcount(there(entries + done, size, &own));
    window_t window = {base + done * OS_PAGE, kept->page + done, size, own, copies};
    if (own) {
      good = give_back(others, window.base) && fold_window(kept, &window);
      others = page_at(&window, size);
    }
    done += size;
  }
  good = give_back(others, base + done * OS_PAGE) && good;
  kept->page += done;
  return good;
}

/* Goes on for some windows. False where all must be as it was. */
static bool go_on(struct cx_kept *kept, int pagemap, uint8_t (*copies)[OS_PAGE]) {
  uint64_t entries[ENTRIES];
  uint32_t until = kept->seen + AT_A_TIME;
  bool good = true;
  for (uint32_t reads = 0; reads < READS && kept->seen < until && good && !kept->is_done; reads++) {
    const memory_t *memory = &kept->memories[kept->range];
    uint64_t left = memory->size / OS_PAGE - kept->page, first = (uint64_t)(uintptr_t)memory->base / OS_PAGE + kept->page;
    uint64_t most = ENTRIES - first % WINDOW; /* up to the end of a window: to look at a part of one maps all of it */
    size_t want = (size_t)(left < most ? left : most) * sizeof entries[0];
    ssize_t got = want ? pread(pagemap, entries, want, (off_t)(first * sizeof entries[0])) : 0;
    good = got >= 0 && (size_t)got == want && fold_some(kept, entries, want / sizeof entries[0], until, copies);
    kept->is_done = !is_worth_it(kept);
    if (kept->page < memory->size / OS_PAGE) continue;
    kept->ends[kept->range++] = kept->length;
    kept->page = 0;
    kept->is_done = kept->is_done || kept->range == kept->nranges;
  }
  for (uint32_t r = kept->range; r < kept->nranges; r++) kept->ends[r] = kept->length;
  return good;
}

/* ---- resting, and waking ---------------------------------------------------------------------------------- */

static struct cx_kept *begin(cx_slot_t *slot) {
  struct cx_kept *kept = calloc(1, sizeof *kept);
  if (!kept) return NULL;
  for (memory_t memory; kept->nranges < MOST_RANGES && cxp_memory(slot, kept->nranges, &memory); kept->nranges++) {
    bool fits = (uintptr_t)memory.base % OS_PAGE == 0 && memory.size % OS_PAGE == 0 && memory.size / OS_PAGE <= UINT32_MAX;
    if (!fits) {
      free(kept);
      return NULL;
    }
    kept->memories[kept->nranges] = memory;
  }
  kept->is_done = kept->nranges == 0;
  return kept;
}

/* Frees the pages that `realloc` has given beyond what is kept. */
static void trim(struct cx_kept *kept) {
  uint8_t *bytes = realloc(kept->bytes, (size_t)kept->length + 1);
  if (!bytes) return;
  kept->bytes = bytes;
  kept->room = kept->length + 1;
}

/* Makes an idle instance's memory small, where that wins `least` bytes; `pagemap` is an open /proc/self/pagemap. Answers
 * the bytes that are kept aside, -1 where all is as it was, or CX_MORE: then there is more to do, in another
 * call. */
int64_t cx_compact(cx_slot_t *slot, int pagemap, uint64_t least) {
  if (!cxp_is_idle(slot) || !slot->has_memory || sysconf(_SC_PAGESIZE) != OS_PAGE) return -1;
  if (slot->kept && slot->kept->is_done) return -1;
  uint8_t(*copies)[OS_PAGE] = malloc(WINDOW * sizeof *copies);
  if (copies && !slot->kept) slot->kept = begin(slot);
  struct cx_kept *kept = slot->kept;
  if (!copies || !kept) {
    free(copies);
    return -1;
  }
  bool good = go_on(kept, pagemap, copies);
  free(copies);
  if (good && !kept->is_done) return CX_MORE;
  if (!good || (kept->gone - kept->dense) * OS_PAGE < least + kept->length) {
    cxp_unfold(slot);
    return -1;
  }
  trim(kept);
  return (int64_t)kept->length;
}

/* Bytes that are kept of the instance's memory; -1 where it is as it is. */
int64_t cx_kept_length(const cx_slot_t *slot) {
  return slot->kept && slot->kept->is_done ? (int64_t)slot->kept->length : -1;
}

static const uint8_t *take(void *to, const uint8_t *from, size_t length) {
  memcpy(to, from, length);
  return from + length;
}

/* Writes back what was kept. */
void cxp_unfold(cx_slot_t *slot) {
  struct cx_kept *kept = slot->kept;
  slot->kept = NULL;
  const uint8_t *from = kept->bytes;
  for (uint32_t r = 0; r < kept->nranges; r++) {
    while (from < kept->bytes + kept->ends[r]) {
      uint32_t page;
      from = take(&page, from, sizeof page);
      uint8_t *base = kept->memories[r].base + (size_t)page * OS_PAGE;
      for (run_t run;;) {
        from = take(&run, from, sizeof run);
        if (!run.count) break;
        from = take(base + run.at * 4u, from, run.count * 4u);
      }
    }
  }
  cxp_forget_kept(kept);
}

/* Whoever it was kept for needs it no more. */
void cxp_forget_kept(struct cx_kept *kept) {
  if (kept) free(kept->bytes);
  free(kept);
}
