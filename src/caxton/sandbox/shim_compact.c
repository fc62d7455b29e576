/* The memory of an instance that rests: pages go back to what the module's image says, and what differs is kept aside.
 *
 * A guest writes a word here and there into pages that all instances of its module share until then, and each such word
 * costs a page. Between two turns nobody looks at them. So the pages that are the instance's own are found by what the
 * kernel tells of them (/proc/self/pagemap), copied, given back (MADV_DONTNEED: they read as the image, or as zeros,
 * again, which is also how Wasmtime's pool makes a slot new), and compared. What differs is kept, and written back
 * before the next turn begins.
 *
 * Nothing is given back before all that could be needed to restore it is there. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim_private.h"

#define OS_PAGE 4096u
#define WORDS (OS_PAGE / 4)
#define MOST_DIFFERENCE (4u + OS_PAGE + 4u) /* of a page: its number, one run over all of it, and the end */
#define MOST_RANGES 8

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FILE_PAGE (1ull << 61) /* or shared: not this process's own */

/* One memory, and its pages that are the instance's own: their numbers, ascending, and their contents. */
typedef struct {
  memory_t memory;
  uint32_t *pages;
  uint32_t count;
  uint8_t *copies;
} range_t;

/* Room for a moment. Not of malloc's: a heap that has grown for it would keep the room. */
typedef struct { uint8_t *at; size_t length; } scratch_t;

/* What is kept of all memories: for each `memory` and page, its number, runs of words that differ, and a run of none. */
struct cx_kept {
  uint64_t length;
  uint32_t nranges;
  memory_t memories[MOST_RANGES];
  uint64_t ends[MOST_RANGES]; /* of the differences of each, in `bytes` */
  uint8_t bytes[];
};

typedef struct { uint16_t at, count; } run_t;

/* ---- which pages are the instance's own ------------------------------------------------------------------- */

static bool is_own(uint64_t entry) { return (entry & (PRESENT | SWAPPED)) && !(entry & FILE_PAGE); }

/* Notes the pages of one memory, and adds to `mapped` those that could leave it. */
static bool find_own(range_t *range, int pagemap, uint64_t *mapped) {
  enum { AT_A_TIME = 512 };
  uint64_t entries[AT_A_TIME];
  uint64_t all = range->memory.size / OS_PAGE, first = (uint64_t)(uintptr_t)range->memory.base / OS_PAGE;
  uint32_t room = 0;
  for (uint64_t done = 0; done < all;) {
    size_t want = (size_t)(all - done < AT_A_TIME ? all - done : AT_A_TIME) * sizeof entries[0];
    ssize_t got = pread(pagemap, entries, want, (off_t)((first + done) * sizeof entries[0]));
    if (got <= 0 || (size_t)got % sizeof entries[0]) return false;
    uint64_t count = (uint64_t)got / sizeof entries[0];
    for (uint64_t i = 0; i < count; i++) {
      if (!(entries[i] & (PRESENT | SWAPPED))) continue;
      ++*mapped;
      if (!is_own(entries[i])) continue;
      if (range->count == room) {
        room = room ? room * 2 : 64;
        uint32_t *more = realloc(range->pages, room * sizeof *more);
        if (!more) return false;
        range->pages = more;
      }
      range->pages[range->count++] = (uint32_t)(done + i);
    }
    done += count;
  }
  return true;
}

static void copy_own(range_t *range, uint8_t *to) {
  range->copies = to;
  for (uint32_t i = 0; i < range->count; i++)
    memcpy(to + (size_t)i * OS_PAGE, range->memory.base + (size_t)range->pages[i] * OS_PAGE, OS_PAGE);
}

static void copy_back(const range_t *range) {
  for (uint32_t i = 0; i < range->count; i++)
    memcpy(range->memory.base + (size_t)range->pages[i] * OS_PAGE, range->copies + (size_t)i * OS_PAGE, OS_PAGE);
}

static bool give_back(const range_t *range) {
  return !range->memory.size || madvise(range->memory.base, range->memory.size, MADV_DONTNEED) == 0;
}

/* ---- what differs ----------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *to, const void *from, size_t length) {
  memcpy(to, from, length);
  return to + length;
}

static bool same_word(const uint8_t *a, const uint8_t *b, uint32_t word) { return memcmp(a + word * 4, b + word * 4, 4) == 0; }

/* The end of the run that begins at `word`: a single word that is the same is cheaper taken along. */
static uint32_t run_end(const uint8_t *had, const uint8_t *now, uint32_t word) {
  uint32_t end = word + 1;
  for (; end < WORDS; end++)
    if (same_word(had, now, end) && (end + 1 == WORDS || same_word(had, now, end + 1))) break;
  return end;
}

static uint8_t *put_page(uint8_t *to, uint32_t page, const uint8_t *had, const uint8_t *now) {
  if (memcmp(had, now, OS_PAGE) == 0) return to;
  to = put(to, &page, sizeof page);
  for (uint32_t word = 0; word < WORDS;) {
    if (same_word(had, now, word)) {
      word++;
      continue;
    }
    uint32_t end = run_end(had, now, word);
    run_t run = {(uint16_t)word, (uint16_t)(end - word)};
    to = put(to, &run, sizeof run);
    to = put(to, had + word * 4, run.count * 4u);
    word = end;
  }
  run_t none = {0, 0};
  return put(to, &none, sizeof none);
}

/* What is different now, in one piece of its own; `to` has room for the most that it can be. */
static struct cx_kept *differences(const range_t *ranges, uint32_t count, uint8_t *to) {
  uint64_t ends[MOST_RANGES];
  uint8_t *at = to;
  for (uint32_t r = 0; r < count; r++) {
    const range_t *range = &ranges[r];
    for (uint32_t i = 0; i < range->count; i++)
      at = put_page(at, range->pages[i], range->copies + (size_t)i * OS_PAGE,
                    range->memory.base + (size_t)range->pages[i] * OS_PAGE);
    ends[r] = (uint64_t)(at - to);
  }
  struct cx_kept *kept = malloc(sizeof *kept + (size_t)(at - to));
  if (!kept) return NULL;
  kept->length = (uint64_t)(at - to);
  kept->nranges = count;
  memcpy(kept->bytes, to, (size_t)kept->length);
  for (uint32_t r = 0; r < count; r++) {
    kept->memories[r] = ranges[r].memory;
    kept->ends[r] = ends[r];
  }
  return kept;
}

/* ---- resting, and waking ---------------------------------------------------------------------------------- */

static uint32_t find_memories(cx_slot_t *slot, range_t *ranges) {
  uint32_t count = 0;
  for (memory_t memory; count < MOST_RANGES && cxp_memory(slot, count, &memory); count++) {
    if ((uintptr_t)memory.base % OS_PAGE || memory.size % OS_PAGE || memory.size / OS_PAGE > UINT32_MAX) return 0;
    ranges[count].memory = memory;
  }
  return count;
}

static bool give_all_back(const range_t *ranges, uint32_t count) {
  bool all = true;
  for (uint32_t r = 0; r < count; r++) all = give_back(&ranges[r]) && all;
  return all;
}

/* Copies what is the instance's own, with room behind it for the most that differences can be. */
static scratch_t copy_all(range_t *ranges, uint32_t count) {
  size_t pages = 0;
  for (uint32_t r = 0; r < count; r++) pages += ranges[r].count;
  size_t length = pages * (OS_PAGE + MOST_DIFFERENCE) + 1;
  void *at = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return (scratch_t){NULL, 0};
  uint8_t *to = at;
  for (uint32_t r = 0; r < count; r++) {
    copy_own(&ranges[r], to);
    to += (size_t)ranges[r].count * OS_PAGE;
  }
  return (scratch_t){at, length};
}

static struct cx_kept *compacted(range_t *ranges, uint32_t count) {
  scratch_t scratch = copy_all(ranges, count);
  if (!scratch.at) return NULL;
  size_t copied = 0;
  for (uint32_t r = 0; r < count; r++) copied += (size_t)ranges[r].count * OS_PAGE;
  struct cx_kept *kept = give_all_back(ranges, count) ? differences(ranges, count, scratch.at + copied) : NULL;
  if (kept)
    give_all_back(ranges, count); /* the pages of the image that were only looked at */
  else /* memory that is locked, say, of which a part may have gone; or none is left */
    for (uint32_t r = 0; r < count; r++) copy_back(&ranges[r]);
  munmap(scratch.at, scratch.length);
  return kept;
}

/* Makes an idle instance's memory small, where that wins `least` bytes; `pagemap` is an open /proc/self/pagemap. Answers
 * the bytes that are kept aside, or -1 where all is as it was. */
int64_t cx_compact(cx_slot_t *slot, int pagemap, uint64_t least) {
  if (slot->kept || !cxp_is_idle(slot) || !slot->has_memory || sysconf(_SC_PAGESIZE) != OS_PAGE) return -1;
  range_t ranges[MOST_RANGES];
  memset(ranges, 0, sizeof ranges);
  uint32_t count = find_memories(slot, ranges);
  uint64_t mapped = 0;
  bool found = count > 0;
  for (uint32_t r = 0; r < count && found; r++) found = find_own(&ranges[r], pagemap, &mapped);
  if (found && mapped * OS_PAGE >= least) slot->kept = compacted(ranges, count);
  for (uint32_t r = 0; r < count; r++) free(ranges[r].pages);
  return cx_kept_length(slot);
}

/* Bytes that are kept of the instance's memory; -1 where it is as it is. */
int64_t cx_kept_length(const cx_slot_t *slot) { return slot->kept ? (int64_t)slot->kept->length : -1; }

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
  free(kept);
}
