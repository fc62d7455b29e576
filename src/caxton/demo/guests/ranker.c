/* ranker: merges what the counters tell it, and answers questions about the whole.
 *
 * "<document> <words>\n<term> <count>\n..."  from a counter: merged
 * "barrier <n>"            answered once n lists have been merged, until then deferred
 * "top <k> <shortest>\n<term>\n..."  the k most frequent terms of at least so many bytes, without
 *                          the named ones: "<term> <count>\n"; equal counts in the order of the bytes
 * "documents <n>"          the words of the first n documents, a line each
 * "list <from>"            "<next>\n", then terms and counts from there on; <next> is 0 at the end
 */
#include "caxton.h"

#define LONGEST_TERM 64u
#define DOCUMENTS 1024u
#define MOST 100u
#define BLOCK (16384u / sizeof(struct entry))
#define BLOCKS 4096u
#define PART (192u * 1024u)

struct entry {
  uint32_t hash;
  uint32_t count : 31, left_out : 1;
  const uint8_t *term; /* its length, then its bytes */
};

static struct entry *blocks[BLOCKS];
static uint32_t entries, *slots, slot_count;
static uint32_t document_words[DOCUMENTS], merged;
static uint8_t *text_at, *text_end;
static uint8_t *answer;
static size_t answer_room;

static struct entry *entry_at(uint32_t number) { return &blocks[number / BLOCK][number % BLOCK]; }

static int grow_slots(void) {
  uint32_t more = slot_count ? slot_count * 2 : 4096;
  uint32_t *wider = heap_take(more * sizeof *wider);
  if (!wider) return 0;
  for (uint32_t i = 0; i < more; i++) wider[i] = 0;
  for (uint32_t i = 0; i < entries; i++) {
    uint32_t at = entry_at(i)->hash & (more - 1);
    while (wider[at]) at = (at + 1) & (more - 1);
    wider[at] = i + 1;
  }
  heap_give(slots, slot_count * sizeof *slots);
  slots = wider;
  slot_count = more;
  return 1;
}

/* The slot of a term: empty (0), or the number of its entry plus 1. */
static uint32_t *slot_of(const uint8_t *term, size_t len, uint32_t hash) {
  uint32_t at = hash & (slot_count - 1);
  for (; slots[at]; at = (at + 1) & (slot_count - 1)) {
    struct entry *entry = entry_at(slots[at] - 1);
    if (entry->hash == hash && entry->term[0] == len && same(entry->term + 1, term, len)) break;
  }
  return &slots[at];
}

static const uint8_t *keep_text(const uint8_t *term, size_t len) {
  if ((size_t)(text_end - text_at) < len + 1) {
    text_at = heap_take(PAGE);
    if (!text_at) return text_end = NULL;
    text_end = text_at + PAGE;
  }
  uint8_t *kept = text_at;
  kept[0] = (uint8_t)len;
  copy(kept + 1, term, len);
  text_at += len + 1;
  return kept;
}

static int add(const uint8_t *term, size_t len, uint32_t count) {
  if (entries >= slot_count / 4 * 3 && !grow_slots()) return 0;
  uint32_t hash = hash_of(term, len), *slot = slot_of(term, len, hash);
  if (!*slot) {
    if (entries / BLOCK == BLOCKS) return 0;
    struct entry **block = &blocks[entries / BLOCK];
    if (!*block && !(*block = heap_take(BLOCK * sizeof **block))) return 0;
    const uint8_t *kept = keep_text(term, len);
    if (!kept) return 0;
    *entry_at(entries) = (struct entry){.hash = hash, .term = kept};
    *slot = ++entries;
  }
  entry_at(*slot - 1)->count += count;
  return 1;
}

/* Room for this turn's answer. The last one's is given back: the host has read it by now. */
static int make_room(size_t len) {
  heap_give(answer, answer_room);
  answer = heap_take(len);
  answer_room = len;
  reply(answer, 0);
  return answer != NULL;
}

static void write_entry(const struct entry *entry) {
  size_t len = entry->term[0];
  copy(answer + reply_len, entry->term + 1, len);
  answer[reply_len + len] = ' ';
  reply_len += len + 1;
  reply_len += put_number(answer + reply_len, entry->count);
  answer[reply_len++] = '\n';
}

static void write_number(uint32_t number) {
  reply_len += put_number(answer + reply_len, number);
  answer[reply_len++] = '\n';
}

/* The one barrier that may wait: its token, and the number of lists it waits for. */
static uint8_t token[256];
static size_t token_len;
static uint32_t awaited;

static int answer_barrier(void) {
  if (!token_len || merged < awaited) return 0;
  static const char head[] = "{\"performative\":\"inform\",\"in-reply-to\":\"", tail[] = "\"}";
  uint8_t meta[sizeof head + sizeof token + sizeof tail], body[10];
  size_t n = sizeof head - 1;
  copy(meta, head, n);
  copy(meta + n, token, token_len);
  n += token_len;
  copy(meta + n, tail, sizeof tail - 1);
  n += sizeof tail - 1;
  token_len = 0;
  return host_send_envelope(meta, n, body, put_number(body, merged)) < 0 ? 4 : 0;
}

static int barrier(const uint8_t *at, const uint8_t *end) {
  uint32_t wanted = take_number(&at, end);
  if (merged >= wanted) {
    if (!make_room(16)) return 2;
    write_number(merged);
    return 0;
  }
  int32_t len = host_defer();
  if (token_len || len <= 0 || (size_t)len > sizeof token) return 5;
  token_len = (size_t)host_read_result(token, sizeof token);
  awaited = wanted;
  return 0;
}

static int merge(const uint8_t *at, const uint8_t *end) {
  uint32_t document = take_number(&at, end);
  uint32_t words = take_number(&at, end);
  if (document >= DOCUMENTS) return 6;
  while (at < end) {
    const uint8_t *term = at;
    while (at < end && *at != ' ') at++;
    size_t len = (size_t)(at - term);
    if (at == end || len > LONGEST_TERM) return 6;
    at++;
    if (!add(term, len, take_number(&at, end))) __builtin_trap(); /* no memory: all of it or nothing */
  }
  document_words[document] += words;
  merged++;
  return answer_barrier();
}

static int goes_before(const struct entry *left, const struct entry *right) {
  if (left->count != right->count) return left->count > right->count;
  size_t l = left->term[0], r = right->term[0];
  for (size_t i = 0; i < l && i < r; i++)
    if (left->term[1 + i] != right->term[1 + i]) return left->term[1 + i] < right->term[1 + i];
  return l < r;
}

static void leave_out(const uint8_t *at, const uint8_t *end, int on) {
  while (at < end && slot_count) {
    const uint8_t *term = at;
    while (at < end && *at != '\n') at++;
    uint32_t slot = *slot_of(term, (size_t)(at - term), hash_of(term, (size_t)(at - term)));
    if (slot) entry_at(slot - 1)->left_out = on ? 1 : 0;
    if (at < end) at++;
  }
}

static int top(const uint8_t *at, const uint8_t *end) {
  uint32_t most = take_number(&at, end), shortest = take_number(&at, end), found = 0;
  const struct entry *best[MOST + 1];
  if (most > MOST) most = MOST;
  if (!make_room(MOST * (LONGEST_TERM + 12))) return 2;
  leave_out(at, end, 1);
  for (uint32_t i = 0; i < entries; i++) {
    const struct entry *entry = entry_at(i);
    if (entry->left_out || entry->term[0] < shortest) continue;
    uint32_t place = found;
    while (place && goes_before(entry, best[place - 1])) best[place] = best[place - 1], place--;
    best[place] = entry;
    if (found < most) found++;
  }
  leave_out(at, end, 0);
  for (uint32_t i = 0; i < found; i++) write_entry(best[i]);
  return 0;
}

static int documents(const uint8_t *at, const uint8_t *end) {
  uint32_t count = take_number(&at, end);
  if (count > DOCUMENTS || !make_room(count * 11 + 1)) return 2;
  for (uint32_t i = 0; i < count; i++) write_number(document_words[i]);
  return 0;
}

static int list(const uint8_t *at, const uint8_t *end) {
  uint32_t from = take_number(&at, end), next = from;
  size_t len = 11;
  while (next < entries && len < PART) len += entry_at(next++)->term[0] + 12u;
  if (!make_room(len)) return 2;
  write_number(next < entries ? next : 0);
  for (; from < next; from++) write_entry(entry_at(from));
  return 0;
}

/* What follows the word that a question begins with; NULL when it begins otherwise. */
static const uint8_t *after(const char *word, size_t len, const uint8_t *at, size_t have) {
  return have >= len && same(word, at, len) ? at + len : NULL;
}

EXPORT(handle_message) int32_t handle_message(const uint8_t *message, size_t len) {
  const uint8_t *end = message + len, *rest;
  reply(answer, 0);
  if (len && *message >= '0' && *message <= '9') return merge(message, end);
  if ((rest = after("barrier ", 8, message, len))) return barrier(rest, end);
  if ((rest = after("top ", 4, message, len))) return top(rest, end);
  if ((rest = after("documents ", 10, message, len))) return documents(rest, end);
  if ((rest = after("list ", 5, message, len))) return list(rest, end);
  reply("what?", 5);
  return 1;
}
