/* eater: takes and touches memory, a MiB at a time, and gives up loudly when it gets no more. */
#include "hostile.h"

__attribute__((noinline)) static void eat_everything(void) {
  for (;;) {
    size_t page = __builtin_wasm_memory_grow(0, 16);
    if (page == (size_t)-1) __builtin_trap();
    for (size_t i = 0; i < 16; i++) *(volatile uint8_t *)((page + i) * PAGE) = 1;
  }
}

static void attack(void) { eat_everything(); }
