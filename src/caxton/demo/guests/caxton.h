/* What a C agent without a C library needs: host calls, a heap, numbers as text, and the reply.
 *
 * One translation unit per agent: include this header once, define handle_message, and call
 * reply_*() from it. The exports are those of docs/contract.md, section 1.
 */
#ifndef CAXTON_DEMO_H
#define CAXTON_DEMO_H

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define HOST(name) __attribute__((import_module("caxton"), import_name(#name)))

/* Host calls. A negative answer is an error number; only those that an agent calls are imported. */
HOST(tell) int32_t host_tell(const void *to, size_t to_len, const void *body, size_t body_len);
HOST(send_envelope) int32_t host_send_envelope(const void *meta, size_t meta_len, const void *body, size_t body_len);
HOST(defer) int32_t host_defer(void);
HOST(read_result) int32_t host_read_result(void *buffer, size_t room);

static inline void copy(void *to, const void *from, size_t len) {
  uint8_t *t = to;
  const uint8_t *f = from;
  while (len--) *t++ = *f++;
}

static inline int same(const void *left, const void *right, size_t len) {
  const uint8_t *l = left, *r = right;
  while (len--)
    if (*l++ != *r++) return 0;
  return 1;
}

/* The heap: blocks are powers of two, and a freed block waits in the list of its size. The caller
 * names the length when it frees, as caxton_free does, so blocks carry no header. */
#define PAGE 65536u
#define SMALLEST 4u /* log2 */
#define LARGEST 26u

extern uint8_t __heap_base;
static uintptr_t heap_top;
static void *heap_free[LARGEST + 1];

static uint32_t heap_class(size_t len) {
  uint32_t log = SMALLEST;
  while (log < LARGEST && ((size_t)1 << log) < len) log++;
  return log;
}

static void *heap_take(size_t len) {
  if (len > ((size_t)1 << LARGEST)) return NULL;
  uint32_t log = heap_class(len);
  if (heap_free[log]) {
    void **block = heap_free[log];
    heap_free[log] = *block;
    return block;
  }
  if (!heap_top) heap_top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t start = heap_top, end = start + ((uintptr_t)1 << log);
  uintptr_t have = __builtin_wasm_memory_size(0) * PAGE;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) return NULL;
  heap_top = end;
  return (void *)start;
}

static void heap_give(void *block, size_t len) {
  if (!block) return;
  uint32_t log = heap_class(len);
  *(void **)block = heap_free[log];
  heap_free[log] = block;
}

EXPORT(caxton_alloc) void *caxton_alloc(size_t len) { return heap_take(len); }
EXPORT(caxton_free) void caxton_free(void *block, size_t len) { heap_give(block, len); }

/* The reply: bytes that stay where they are until the host has read them. */
static const uint8_t *reply_bytes;
static size_t reply_len;

static inline void reply(const void *bytes, size_t len) {
  reply_bytes = bytes;
  reply_len = len;
}

EXPORT(get_response) int32_t get_response(uint8_t *buffer, size_t room) {
  copy(buffer, reply_bytes, reply_len < room ? reply_len : room);
  return (int32_t)reply_len;
}

/* Decimal numbers. put_number writes at most 10 bytes and returns how many. */
static inline size_t put_number(uint8_t *at, uint32_t number) {
  uint8_t digits[10];
  size_t len = 0;
  do digits[len++] = (uint8_t)('0' + number % 10);
  while (number /= 10);
  for (size_t i = 0; i < len; i++) at[i] = digits[len - 1 - i];
  return len;
}

/* Reads a decimal number at *at, moves *at past it and past one separator. Without digits it is 0. */
static inline uint32_t take_number(const uint8_t **at, const uint8_t *end) {
  uint32_t number = 0;
  while (*at < end && **at >= '0' && **at <= '9') number = number * 10 + (uint32_t)(*(*at)++ - '0');
  if (*at < end) (*at)++;
  return number;
}

static inline uint32_t hash_of(const uint8_t *bytes, size_t len) { /* FNV-1a, 32 bits */
  uint32_t hash = 2166136261u;
  while (len--) hash = (hash ^ *bytes++) * 16777619u;
  return hash;
}

#endif
