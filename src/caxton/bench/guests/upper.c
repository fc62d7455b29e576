/* upper.wat's job in C, with an allocator: what a compiler makes of an ordinary agent. No C library is needed. */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name)))
#define PAGE 65536u

/* The heap: what is freed waits in a list for somebody who wants no more; else the heap grows. */
struct block {
  struct block *next;
  uint32_t length;
};

extern uint8_t __heap_base;
static struct block *freed;
static uintptr_t top;

EXPORT(caxton_alloc) void *take(uint32_t length) {
  if (length > 16 * PAGE) return NULL;
  for (struct block **at = &freed; *at; at = &(*at)->next) {
    struct block *found = *at;
    if (found->length < length) continue;
    *at = found->next;
    return found + 1;
  }
  if (!top) top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  uintptr_t end = top + ((sizeof(struct block) + length + 15) & ~(uintptr_t)15);
  uintptr_t have = __builtin_wasm_memory_size(0) * PAGE;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == (size_t)-1) return NULL;
  struct block *made = (struct block *)top;
  made->length = length;
  top = end;
  return made + 1;
}

EXPORT(caxton_free) void give(void *where, uint32_t length) {
  (void)length;
  if (!where) return;
  struct block *block = (struct block *)where - 1;
  block->next = freed;
  freed = block;
}

static uint8_t answer[1024];
static uint32_t answer_length;

EXPORT(handle_message) int32_t handle_message(const uint8_t *message, uint32_t length) {
  if (length > sizeof answer) return 1;
  for (uint32_t i = 0; i < length; i++) answer[i] = message[i] - ((uint8_t)(message[i] - 'a') < 26 ? 32 : 0);
  answer_length = length;
  return 0;
}

EXPORT(get_response) int32_t get_response(uint8_t *to, uint32_t room) {
  if (answer_length <= room)
    for (uint32_t i = 0; i < answer_length; i++) to[i] = answer[i];
  return (int32_t)answer_length;
}
