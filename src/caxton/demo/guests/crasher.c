/* crasher: breaks a promise deep inside a call, so that the error has a stack to show. */
#include "hostile.h"

static volatile uint32_t invoices[4] = {7, 3, 0, 9};

__attribute__((noinline)) static void assert_positive(uint32_t amount) {
  if (!amount) __builtin_trap();
}

__attribute__((noinline)) static uint32_t add_invoice(uint32_t index) {
  uint32_t amount = invoices[index];
  assert_positive(amount);
  return amount + index;
}

__attribute__((noinline)) static uint32_t close_the_books(void) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < 4; i++) sum += add_invoice(i);
  return sum;
}

static void attack(void) { invoices[0] = close_the_books(); }
