/* counter: counts the terms of one chunk of text and tells the ranker.
 *
 * message   "<document>\n" and at most 2,112 bytes of text
 * tells     ranker: "<document> <words>\n", then "<term> <count>\n" for each distinct term
 *
 * A term is a run of letters, digits, '_' and bytes above 127 (so UTF-8 words stay whole), in
 * lower case where ASCII has one, cut every 64 bytes.
 */
#include "caxton.h"

#define LONGEST_TERM 64u
#define LARGEST_CHUNK 2112u /* 2,048 and what is left of the term that ends there */
#define SLOTS 4096u

static struct slot {
  uint16_t start, len, count, turn; /* the term is text[start], len bytes */
} slots[SLOTS]; /* a slot of an earlier turn is empty: nothing is cleared between turns */
static uint16_t turn, used[LARGEST_CHUNK];
static uint8_t *text;
static size_t used_count, mask;

static int is_word(uint8_t byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte >= 128;
}

static int holds(const struct slot *slot, size_t start, size_t len) {
  return slot->len == len && same(text + slot->start, text + start, len);
}

static void count_term(size_t start, size_t len) {
  size_t at = hash_of(text + start, len) & mask;
  while (slots[at].turn == turn && !holds(&slots[at], start, len)) at = (at + 1) & mask;
  if (slots[at].turn != turn) {
    slots[at] = (struct slot){.start = (uint16_t)start, .len = (uint16_t)len, .turn = turn};
    used[used_count++] = (uint16_t)at;
  }
  slots[at].count++;
}

static uint32_t count_text(size_t len) {
  uint32_t words = 0;
  size_t start = 0, size = 16;
  while (size < len) size *= 2; /* terms are at most half the bytes (plus one), so the table is never full */
  mask = size - 1;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && text[i] >= 'A' && text[i] <= 'Z') text[i] |= 32;
    int inside = i < len && is_word(text[i]);
    if (inside && i - start < LONGEST_TERM) continue;
    if (i > start) count_term(start, i - start), words++;
    start = inside ? i : i + 1;
  }
  return words;
}

static void next_turn(void) {
  used_count = 0;
  if (++turn) return;
  for (size_t i = 0; i < SLOTS; i++) slots[i].turn = 0;
  turn = 1;
}

EXPORT(handle_message) int32_t handle_message(uint8_t *message, size_t len) {
  const uint8_t *at = message, *end = message + len;
  uint32_t document = take_number(&at, end);
  size_t text_len = (size_t)(end - at);
  if (text_len > LARGEST_CHUNK) return 1;
  next_turn();
  text = message + (at - message);
  uint32_t words = count_text(text_len);

  size_t room = 32 + text_len + used_count * 6; /* a count has at most four digits, a space and a newline */
  uint8_t *list = heap_take(room);
  if (!list) return 2;
  size_t n = put_number(list, document);
  list[n++] = ' ';
  n += put_number(list + n, words);
  list[n++] = '\n';
  for (size_t i = 0; i < used_count; i++) {
    struct slot *slot = &slots[used[i]];
    copy(list + n, text + slot->start, slot->len);
    n += slot->len;
    list[n++] = ' ';
    n += put_number(list + n, slot->count);
    list[n++] = '\n';
  }
  int32_t sent = host_tell("ranker", 6, list, n);
  heap_give(list, room);
  return sent < 0 ? 3 : 0;
}
