/* spinner: never comes back. */
#include "hostile.h"

static volatile uint32_t rounds;

__attribute__((noinline)) static void spin_for_ever(void) {
  for (;;) rounds++;
}

static void attack(void) { spin_for_ever(); }
