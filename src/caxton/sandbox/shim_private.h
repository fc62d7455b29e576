/* What the parts of the shim share: shim.c (core modules, and the job of either kind); shim_component.c,
 * shim_component_calls.c and shim_flat.c (components); shim_compact.c. */
#ifndef CAXTON_SHIM_PRIVATE_H
#define CAXTON_SHIM_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "shim.h"

#define UNREACHABLE 9
#define OUT_OF_FUEL 11
#define HIDDEN __attribute__((visibility("hidden")))

#define NONE 0xffffffffu

enum { GO_ON = -1 };

HIDDEN int cxp_fail(cx_slot_t *slot, int fault);
HIDDEN int cxp_finish(cx_slot_t *slot);
HIDDEN uint64_t cxp_fuel(const wasmtime_context_t *context);
HIDDEN void cxp_set_fuel(cx_slot_t *slot, uint64_t fuel);
HIDDEN void cxp_begin(cx_slot_t *slot, uint64_t deadline_ns);
HIDDEN bool cxp_is_idle(const cx_slot_t *slot);
HIDDEN void cxp_phase(cx_slot_t *slot, int which);

enum { CXP_ALLOCATE, CXP_HANDLE, CXP_RESPOND, CXP_FREE };

HIDDEN bool cxc_new(cx_slot_t *slot);
HIDDEN bool cxc_find_handle(cx_slot_t *slot);
HIDDEN int cxc_returned(cx_slot_t *slot);
HIDDEN int cxc_allocated(cx_slot_t *slot);
HIDDEN int cxc_responded(cx_slot_t *slot);
HIDDEN void cxc_see_memory(cx_slot_t *slot, const wasmtime_context_t *context);
HIDDEN int32_t cxc_trap_code(const wasmtime_error_t *error);
HIDDEN void cxc_delete(cx_slot_t *slot);

/* ---- components: values, the memory, what the host says ----------------------------------------------------- */

typedef wasmtime_component_val_t val_t;

enum {
  BOOL = 0, U8 = 2, U32 = 6, U64 = 8, STRING = 12, LIST = 13, RECORD = 14, TUPLE = 15, VARIANT = 16, ENUM = 17,
  OPTION = 18, RESULT = 19, RESOURCE = 21
};

enum { PERFORMATIVE_COUNT = 22, LEVEL_COUNT = 5, KIND_COUNT = 10 };

typedef struct { uint8_t *base; uint64_t size; } memory_t;

#define TEXT(literal) {sizeof literal - 1, (uint8_t *)(uintptr_t)literal}

/* Names in the WIT: of the performatives, of the levels of the log, and of errors, by their number: -1 and so on. */
HIDDEN extern const wasm_byte_vec_t cxc_performatives[PERFORMATIVE_COUNT], cxc_levels[LEVEL_COUNT], cxc_kinds[KIND_COUNT];

HIDDEN int64_t cxc_find_name(const wasm_byte_vec_t *names, size_t count, const wasm_byte_vec_t *name);
HIDDEN void cxc_forget(val_t *value);
HIDDEN bool cxc_is_bytes(const val_t *value);
HIDDEN uint8_t *cxc_copy_list(const wasmtime_component_vallist_t *list);
HIDDEN void cxc_release_taken(cx_part_t *part);

/* The memory that payloads lie in. It does not move while the guest waits. */
HIDDEN memory_t cxc_main_memory(cx_slot_t *slot);
HIDDEN bool cxc_memory(cx_slot_t *slot, uint32_t which, memory_t *memory);
HIDDEN bool cxp_memory(cx_slot_t *slot, uint32_t which, memory_t *memory);
HIDDEN void cxp_unfold(cx_slot_t *slot);
HIDDEN void cxp_forget_kept(struct cx_kept *kept);

static inline bool cxc_inside(memory_t memory, uint64_t address, uint64_t length) {
  return length <= memory.size && address <= memory.size - length;
}

static inline uint32_t cxc_word(memory_t memory, uint64_t address) {
  uint32_t value;
  memcpy(&value, memory.base + address, sizeof value);
  return value;
}

/* A cursor over what Python has packed: numbers of 4 bytes, and text with its length before it. */
typedef struct { const uint8_t *at, *end; } packed_t;

static inline uint32_t cxc_next_number(packed_t *from) {
  uint32_t value = NONE;
  if (from->end - from->at < 4) return value;
  memcpy(&value, from->at, 4);
  from->at += 4;
  return value;
}

/* False where there is none. */
static inline bool cxc_next_text(packed_t *from, wasm_byte_vec_t *text) {
  uint32_t size = cxc_next_number(from);
  if (size == NONE || size > (size_t)(from->end - from->at)) return false;
  text->size = size;
  text->data = (uint8_t *)(uintptr_t)from->at;
  from->at += size;
  return true;
}

/* ---- host calls whose arguments and results stay in the memory: shim_flat.c --------------------------------- */

HIDDEN bool cxf_is_place(const val_t *arguments, size_t count);
HIDDEN bool cxf_take(cx_slot_t *slot, const cx_component_import_t *import, const val_t *arguments, size_t count,
                     uint64_t *bytes);
HIDDEN int cxf_place(cx_slot_t *slot, const val_t *arguments, val_t *results, size_t nresults);
HIDDEN void cxf_reply(cx_slot_t *slot, const char *how, int64_t number, const wasm_byte_vec_t *data, packed_t info);

#endif
