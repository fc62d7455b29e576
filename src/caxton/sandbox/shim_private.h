/* What the two halves of the shim share: shim.c (core modules, and the job of either kind), shim_component.c. */
#ifndef CAXTON_SHIM_PRIVATE_H
#define CAXTON_SHIM_PRIVATE_H

#include "shim.h"

#define UNREACHABLE 9
#define OUT_OF_FUEL 11
#define HIDDEN __attribute__((visibility("hidden")))

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

#endif
