/* Runs a guest on a fiber of Wasmtime's, so that no Python frame ever lies on a guest's stack.
 *
 * The asynchronous half of Wasmtime's C API runs a call on a stack of its own and can suspend it there: after so much
 * fuel, or inside a host call. A host call stores its arguments in the instance's slot and hands Wasmtime a
 * continuation that looks at a flag; cx_run then returns "host call N is pending". Python answers it when it likes,
 * from any thread (one at a time), and calls cx_run again. So a guest is to Python what a coroutine is.
 *
 * Everything that a guest hands over (pointers, lengths, results) is checked here or by the caller before it is used:
 * this file is the boundary. It needs no Python.h; symbols of Wasmtime resolve against the library that native.py
 * has loaded before. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "shim_private.h"

#define SHIM_VERSION 5u
#define PAGE 65536u
#define FIRST_BUFFER 4096u
#define MOST_INSTANCES 100 /* core instances of one component; component_binary.py counts them before */
#define MOST_TABLES 50     /* of one component */

/* Wasmtime's C API, as far as this file calls it. */
wasmtime_store_t *wasmtime_store_new(wasm_engine_t *, void *, void (*)(void *));
void wasmtime_store_delete(wasmtime_store_t *);
wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *);
void wasmtime_store_limiter(wasmtime_store_t *, int64_t, int64_t, int64_t, int64_t, int64_t);
void *wasmtime_context_get_data(const wasmtime_context_t *);
wasmtime_error_t *wasmtime_context_set_fuel(wasmtime_context_t *, uint64_t);
wasmtime_error_t *wasmtime_context_get_fuel(const wasmtime_context_t *, uint64_t *);
wasmtime_error_t *wasmtime_context_fuel_async_yield_interval(wasmtime_context_t *, uint64_t);
wasmtime_context_t *wasmtime_caller_context(wasmtime_caller_t *);
bool wasmtime_caller_export_get(wasmtime_caller_t *, const char *, size_t, wasmtime_extern_t *);
wasmtime_call_future_t *wasmtime_instance_pre_instantiate_async(const wasmtime_instance_pre_t *, wasmtime_context_t *,
                                                                wasmtime_instance_t *, wasm_trap_t **,
                                                                wasmtime_error_t **);
wasmtime_call_future_t *wasmtime_func_call_async(wasmtime_context_t *, const wasmtime_func_t *, const wasmtime_val_t *,
                                                 size_t, wasmtime_val_t *, size_t, wasm_trap_t **, wasmtime_error_t **);
bool wasmtime_call_future_poll(wasmtime_call_future_t *);
void wasmtime_call_future_delete(wasmtime_call_future_t *);
bool wasmtime_instance_export_get(wasmtime_context_t *, const wasmtime_instance_t *, const char *, size_t,
                                  wasmtime_extern_t *);
uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);
wasmtime_error_t *wasmtime_memory_grow(wasmtime_context_t *, const wasmtime_memory_t *, uint64_t, uint64_t *);
void wasmtime_store_epoch_deadline_callback(wasmtime_store_t *,
                                            wasmtime_error_t *(*)(wasmtime_context_t *, void *, uint64_t *, uint8_t *),
                                            void *, void (*)(void *));
void wasmtime_context_set_epoch_deadline(wasmtime_context_t *, uint64_t);
void wasmtime_guestprofiler_sample(wasmtime_guestprofiler_t *, const wasmtime_store_t *, uint64_t);
typedef void (*async_callback_t)(void *, wasmtime_caller_t *, const wasmtime_val_t *, size_t, wasmtime_val_t *, size_t,
                                 wasm_trap_t **, wasmtime_async_continuation_t *);
wasmtime_error_t *wasmtime_linker_define_async_func(wasmtime_linker_t *, const char *, size_t, const char *, size_t,
                                                    const wasm_functype_t *, async_callback_t, void *,
                                                    void (*)(void *));
wasm_trap_t *wasmtime_trap_new(const char *, size_t);
wasm_trap_t *wasmtime_trap_new_code(uint8_t);
bool wasmtime_trap_code(const wasm_trap_t *, uint8_t *);
void wasm_trap_delete(wasm_trap_t *);
void wasmtime_error_delete(wasmtime_error_t *);

enum { EXTERN_FUNC = 0, EXTERN_MEMORY = 3 };
enum { VAL_I32 = 0, VAL_I64 = 1 };
enum { PAIR_READ = 0x10, PAIR_WORDS = 0x20, PAIR_DOUBLES = 0x40 };

/* Where a job stands: the call that runs, or ran last. */
enum phase {
  IDLE, INSTANTIATE, INITIALIZE, INIT, /* turn 0 */
  START, ALLOC_MESSAGE, HANDLE, ALLOC_BUFFER, GET, FREE_SMALL, RESPOND, FREE_BUFFER, FREE_MESSAGE
};

enum { NO_MESSAGES = 3 }; /* of cx_program_t.allocator */

uint32_t cx_version(void) { return SHIM_VERSION; }

uint64_t cx_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A pool that cannot be reserved aborts the process inside Wasmtime: ask the kernel first. `writable` is what stacks
 * are reserved as, and counts where the kernel does not overcommit. */
int cx_can_reserve(uint64_t bytes, int writable) {
  if (bytes > SIZE_MAX) return 0;
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_NONE;
  void *where = mmap(NULL, (size_t)bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (where == MAP_FAILED) return 0;
  munmap(where, (size_t)bytes);
  return 1;
}

/* ---- fuel, memory ---------------------------------------------------------------------------------------- */

static void set_fuel(wasmtime_context_t *context, uint64_t fuel) {
  wasmtime_error_t *error = wasmtime_context_set_fuel(context, fuel);
  if (error) wasmtime_error_delete(error); /* only when the engine counts no fuel, and ours does */
}

static uint64_t get_fuel(const wasmtime_context_t *context) {
  uint64_t fuel = 0;
  wasmtime_error_t *error = wasmtime_context_get_fuel(context, &fuel);
  if (error) wasmtime_error_delete(error);
  return fuel;
}

/* Where the slice that runs now began: what a guest has used since is not known exactly after some traps. */
static void mark(cx_slot_t *slot, uint64_t fuel) { slot->slice_mark = fuel; }

static void see_memory(cx_slot_t *slot, const wasmtime_context_t *context) {
  if (!slot->has_memory) return;
  if (slot->part) {
    cxc_see_memory(slot, context);
    return;
  }
  slot->base = wasmtime_memory_data(context, &slot->memory);
  slot->size = wasmtime_memory_data_size(context, &slot->memory);
}

static bool inside(const cx_slot_t *slot, uint64_t pointer, uint64_t length) {
  return length <= slot->size && pointer <= slot->size - length;
}

/* Compiled code looks at its fuel when it enters a function or goes round a loop, not when it returns: it may overdraw,
 * and Wasmtime then says 0 as it does when exactly all is used. So a job gets one unit more than its limit: while that
 * unit is there, the limit was kept. */
static uint64_t all_fuel(const cx_slot_t *slot) { return slot->program->fuel + 1; }

uint64_t cx_fuel_left(const cx_slot_t *slot) {
  uint64_t left = get_fuel(slot->context);
  return left ? left - 1 : 0;
}

/* Takes fuel for bytes that cross into the guest; 0 where there is not enough, and then the guest ends on its next
 * step. Only while a host call is pending. */
int cx_charge(cx_slot_t *slot, uint64_t bytes) {
  uint64_t left = get_fuel(slot->context);
  uint64_t rest = left > bytes ? left - bytes : 0;
  set_fuel(slot->context, rest);
  mark(slot, rest);
  return left > bytes;
}

/* The store holds each memory to the limit by itself. A component's are held to it in sum, as they are seen. */
void cx_limit_memory(cx_slot_t *slot, int64_t bytes) {
  int64_t tables = slot->program->allocator == NO_MESSAGES ? 5 : 4; /* it has one more, to be looked at (freeze/) */
  slot->memory_cap = (uint64_t)bytes;
  if (slot->program->origin)
    wasmtime_store_limiter(slot->store, bytes, slot->program->table_limit, MOST_INSTANCES, MOST_TABLES, MOST_INSTANCES);
  else
    wasmtime_store_limiter(slot->store, bytes, slot->program->table_limit, 1, tables, 1);
}

/* Only several memories together can have more than the limit. */
static bool is_too_large(const cx_slot_t *slot) { return slot->part && slot->size > slot->memory_cap; }

/* ---- host calls ------------------------------------------------------------------------------------------ */

static bool always(void *env) {
  (void)env;
  return true;
}

/* Wasmtime asks whether the pending host call has its answer. */
static bool answered(void *env) {
  cx_slot_t *slot = env;
  if (!slot->answered) return false;
  const cx_import_t *import = slot->import;
  slot->answered = 0;
  slot->pending = 0;
  if (slot->fault) {
    static const char text[] = "ended by the host";
    *slot->trap_out = wasmtime_trap_new(text, sizeof text - 1);
  } else if (import->result == 1) {
    slot->results[0].kind = VAL_I32;
    slot->results[0].of.i32 = (int32_t)slot->result;
  } else if (import->result == 2) {
    slot->results[0].kind = VAL_I64;
    slot->results[0].of.i64 = slot->result;
  }
  return true;
}

/* Holds every (pointer, length) pair of a call against the memory, and adds up the bytes that the host will read. */
static bool check_pairs(const cx_slot_t *slot, const cx_import_t *import, uint64_t *bytes) {
  for (uint8_t i = 0; i < import->npairs; i++) {
    uint8_t pair = import->pairs[i];
    uint64_t pointer = (uint32_t)slot->arguments[pair & 15];
    uint64_t length = (uint32_t)slot->arguments[(pair & 15) + 1];
    if (pair & PAIR_WORDS) length *= 4;
    if (pair & PAIR_DOUBLES) length *= 8;
    if (!inside(slot, pointer, length)) return false;
    if (pair & PAIR_READ) *bytes += length;
  }
  return true;
}

static int admit(cx_slot_t *slot, wasmtime_caller_t *caller, const cx_import_t *import, wasmtime_context_t *context) {
  if (!slot->has_memory) { /* inside a start function: the instance is not known yet */
    wasmtime_extern_t found;
    if (wasmtime_caller_export_get(caller, "memory", 6, &found) && found.kind == EXTERN_MEMORY) {
      slot->memory = found.of.memory;
      slot->has_memory = 1;
    }
  }
  see_memory(slot, context);
  if (++slot->host_calls > slot->program->call_limit) return CX_FAULT_HOST_CALLS;
  uint64_t cost = slot->program->call_cost;
  if (!check_pairs(slot, import, &cost)) return CX_FAULT_PROTOCOL;
  uint64_t left = get_fuel(context);
  uint64_t rest = left > cost ? left - cost : 0;
  set_fuel(context, rest);
  mark(slot, rest);
  return left > cost ? CX_FAULT_NONE : CX_FAULT_TRAP;
}

/* Runs on the guest's fiber, whenever it calls an import. */
static void host_call(void *env, wasmtime_caller_t *caller, const wasmtime_val_t *arguments, size_t count,
                      wasmtime_val_t *results, size_t nresults, wasm_trap_t **trap,
                      wasmtime_async_continuation_t *continuation) {
  const cx_import_t *import = env;
  wasmtime_context_t *context = wasmtime_caller_context(caller);
  cx_slot_t *slot = wasmtime_context_get_data(context);
  (void)nresults;
  continuation->env = slot;
  continuation->finalizer = NULL;
  for (size_t i = 0; i < count && i < 10; i++)
    slot->arguments[i] = arguments[i].kind == VAL_I64 ? arguments[i].of.i64 : (int64_t)(uint32_t)arguments[i].of.i32;
  slot->call = (uint32_t)import->number;
  int fault = admit(slot, caller, import, context);
  if (fault != CX_FAULT_NONE) {
    slot->refused = 1;
    static const char text[] = "refused by the host";
    if (fault != CX_FAULT_TRAP) slot->fault = fault;
    *trap = fault == CX_FAULT_TRAP ? wasmtime_trap_new_code(OUT_OF_FUEL) : wasmtime_trap_new(text, sizeof text - 1);
    continuation->callback = always;
    return;
  }
  slot->import = import;
  slot->results = results;
  slot->trap_out = trap;
  slot->answered = 0;
  slot->pending = 1;
  continuation->callback = answered;
}

wasmtime_error_t *cx_define(wasmtime_linker_t *linker, const char *module, size_t module_len, const char *name,
                            size_t name_len, const wasm_functype_t *type, const cx_import_t *import) {
  return wasmtime_linker_define_async_func(linker, module, module_len, name, name_len, type, host_call, (void *)import,
                                           NULL);
}

/* Answers the pending host call. To end the turn instead, the caller sets `fault` before. */
int cx_answer(cx_slot_t *slot, int64_t result) {
  if (!slot->pending) return 0;
  if (slot->part && slot->fault) set_fuel(slot->context, 0); /* an answer without a result cannot be a trap there */
  slot->result = result;
  slot->answered = 1;
  return 1;
}

/* ---- calls ----------------------------------------------------------------------------------------------- */

/* Compiled code keeps its fuel in a register and writes it back before calls, branches back and `unreachable`. A trap
 * raised by the processor finds an older figure: then the whole slice is charged. */
static uint64_t fuel_used(const cx_slot_t *slot) {
  bool exact = slot->trap_code < 0 || slot->trap_code == UNREACHABLE || slot->trap_code == OUT_OF_FUEL;
  uint64_t left = get_fuel(slot->context);
  if (!exact) left = slot->slice_mark > slot->program->slice ? slot->slice_mark - slot->program->slice : 0;
  return all_fuel(slot) - (left ? left : 1);
}

static int fail(cx_slot_t *slot, int fault) {
  if (slot->fault == CX_FAULT_NONE) slot->fault = fault;
  slot->phase = IDLE;
  bool told = slot->fault == CX_FAULT_DEADLINE || (slot->part && slot->fault == CX_FAULT_ALLOCATION && slot->error);
  if (!told) slot->fuel_used = fuel_used(slot);
  return CX_FAULT;
}

static int call(cx_slot_t *slot, enum phase phase, const wasmtime_func_t *function, size_t count, uint64_t first,
                uint64_t second, size_t nresults) {
  slot->phase = phase;
  slot->values[0].kind = slot->values[1].kind = VAL_I32;
  slot->values[0].of.i32 = (int32_t)(uint32_t)first;
  slot->values[1].of.i32 = (int32_t)(uint32_t)second;
  slot->future = wasmtime_func_call_async(slot->context, function, slot->values, count, &slot->value, nresults,
                                          &slot->trap, &slot->error);
  return GO_ON;
}

/* caxton_free takes the length too, C's free the pointer alone. */
static int release(cx_slot_t *slot, enum phase phase, uint64_t pointer, uint64_t length) {
  return call(slot, phase, &slot->release, slot->program->allocator == 1 ? 2 : 1, pointer, length, 0);
}

static int finish(cx_slot_t *slot) {
  slot->phase = IDLE;
  if (get_fuel(slot->context) == 0) { /* overdrawn on its last steps, where nothing looked */
    slot->trap_code = OUT_OF_FUEL;
    return fail(slot, CX_FAULT_TRAP);
  }
  slot->fuel_used = fuel_used(slot);
  return CX_DONE;
}

static bool find_function(cx_slot_t *slot, const char *name, wasmtime_func_t *function) {
  wasmtime_extern_t found;
  if (!wasmtime_instance_export_get(slot->context, &slot->instance, name, strlen(name), &found)) return false;
  if (found.kind != EXTERN_FUNC) return false;
  *function = found.of.func;
  return true;
}

static bool find_exports(cx_slot_t *slot) {
  const cx_program_t *program = slot->program;
  wasmtime_extern_t found;
  if (!wasmtime_instance_export_get(slot->context, &slot->instance, "memory", 6, &found)) return false;
  if (found.kind != EXTERN_MEMORY) return false;
  slot->memory = found.of.memory;
  slot->has_memory = 1;
  bool all = find_function(slot, "handle_message", &slot->handle) && find_function(slot, "get_response", &slot->get);
  if (program->allocator && program->allocator != NO_MESSAGES)
    all = all && find_function(slot, program->allocator == 1 ? "caxton_alloc" : "malloc", &slot->alloc) &&
          find_function(slot, program->allocator == 1 ? "caxton_free" : "free", &slot->release);
  if (program->has_initialize) all = all && find_function(slot, "_initialize", &slot->initialize);
  if (program->has_init) all = all && find_function(slot, "caxton_init", &slot->init);
  return all;
}

/* Grows the memory by the pages that messages and responses will pass through: as many as they may need, or as many
 * as there is room for. */
static bool make_window(cx_slot_t *slot) {
  see_memory(slot, slot->context);
  uint64_t wish = (slot->program->message_limit + slot->program->response_limit + FIRST_BUFFER + PAGE - 1) / PAGE;
  uint64_t limit = (uint64_t)slot->program->memory_limit;
  uint64_t room = limit > slot->size ? (limit - slot->size) / PAGE : 0;
  for (uint64_t pages = wish < room ? wish : room; pages; pages /= 2) {
    uint64_t before = 0;
    wasmtime_error_t *error = wasmtime_memory_grow(slot->context, &slot->memory, pages, &before);
    if (!error) {
      slot->window_ptr = before * PAGE;
      slot->window_len = pages * PAGE;
      return true;
    }
    wasmtime_error_delete(error);
  }
  return false;
}

/* ---- one job, call after call ---------------------------------------------------------------------------- */

static int buffer_ready(cx_slot_t *slot, uint64_t pointer, uint64_t length) {
  slot->buffer_ptr = pointer;
  slot->buffer_len = length;
  if (!inside(slot, pointer, length)) return fail(slot, CX_FAULT_PROTOCOL);
  return call(slot, GET, &slot->get, 2, pointer, length, 1);
}

/* Offers `length` bytes for the response: from the guest's allocator, or what the message left of the window. */
static int offer_buffer(cx_slot_t *slot, uint64_t length) {
  if (slot->program->allocator) {
    slot->buffer_len = length;
    return call(slot, ALLOC_BUFFER, &slot->alloc, 1, length, 0, 1);
  }
  uint64_t taken = (slot->message_len + 15) & ~(uint64_t)15;
  return buffer_ready(slot, slot->window_ptr + taken, slot->window_len - taken);
}

static int message_ready(cx_slot_t *slot, uint64_t pointer) {
  slot->message_ptr = pointer;
  if (!inside(slot, pointer, slot->message_len)) return fail(slot, CX_FAULT_PROTOCOL);
  if (slot->message_len) memcpy(slot->base + pointer, slot->message, slot->message_len);
  free(slot->copy);
  slot->message = slot->copy = NULL;
  return call(slot, HANDLE, &slot->handle, 2, pointer, slot->message_len, 1);
}

/* What the allocator is asked for: an empty message still gets a place, since malloc(0) may answer 0. */
static uint64_t message_room(const cx_slot_t *slot) { return slot->message_len ? slot->message_len : 1; }

static int start_message(cx_slot_t *slot) {
  if (slot->program->allocator) return call(slot, ALLOC_MESSAGE, &slot->alloc, 1, message_room(slot), 0, 1);
  return message_ready(slot, slot->window_ptr);
}

static bool message_fits(const cx_slot_t *slot) {
  if (slot->message_len > slot->program->message_limit) return false;
  return slot->program->allocator || slot->message_len + FIRST_BUFFER + 15 <= slot->window_len;
}

static int response_known(cx_slot_t *slot) {
  int32_t signed_length = slot->value.of.i32;
  if (signed_length < 0) return fail(slot, CX_FAULT_PROTOCOL);
  uint64_t length = (uint64_t)signed_length;
  if (slot->attempts && length > slot->response_len) return fail(slot, CX_FAULT_PROTOCOL); /* it grew */
  if (length > slot->program->response_limit) return fail(slot, CX_FAULT_RESPONSE_SIZE);
  if (length > slot->buffer_len) {
    if (!slot->program->allocator) return fail(slot, CX_FAULT_RESPONSE_SIZE);
    slot->attempts++;
    slot->response_len = length;
    return release(slot, FREE_SMALL, slot->buffer_ptr, slot->buffer_len);
  }
  slot->response_ptr = slot->buffer_ptr;
  slot->response_len = length;
  slot->phase = RESPOND;
  if (slot->program->allocator) return CX_RESPONSE;
  return finish(slot) == CX_DONE ? CX_RESPONSE : CX_FAULT;
}

static int after_instantiate(cx_slot_t *slot) {
  if (slot->part) {
    if (!cxc_find_handle(slot)) return fail(slot, CX_FAULT_PROTOCOL); /* the load checks exclude it */
    slot->has_memory = 1;
    see_memory(slot, slot->context);
    return is_too_large(slot) ? fail(slot, CX_FAULT_ALLOCATION) : finish(slot);
  }
  if (!find_exports(slot)) return fail(slot, CX_FAULT_PROTOCOL); /* the load checks exclude it */
  if (!slot->program->allocator && !make_window(slot)) return fail(slot, CX_FAULT_WINDOW);
  see_memory(slot, slot->context);
  if (slot->program->has_initialize) return call(slot, INITIALIZE, &slot->initialize, 0, 0, 0, 0);
  if (slot->program->has_init) return call(slot, INIT, &slot->init, 0, 0, 0, 1);
  return finish(slot);
}

static int after_alloc(cx_slot_t *slot) {
  uint64_t pointer = (uint32_t)slot->value.of.i32;
  if (pointer == 0) return fail(slot, CX_FAULT_ALLOCATION);
  if (slot->phase == ALLOC_MESSAGE) return message_ready(slot, pointer);
  return buffer_ready(slot, pointer, slot->buffer_len);
}

/* The call of this phase has returned: what comes next? */
static int advance(cx_slot_t *slot) {
  const cx_program_t *program = slot->program;
  switch ((enum phase)slot->phase) {
  case INSTANTIATE:
    return after_instantiate(slot);
  case INITIALIZE:
    if (program->has_init) return call(slot, INIT, &slot->init, 0, 0, 0, 1);
    return finish(slot);
  case INIT:
    slot->status = slot->value.of.i32;
    return slot->status ? fail(slot, CX_FAULT_REFUSED) : finish(slot);
  case START:
    return start_message(slot);
  case ALLOC_MESSAGE:
    if (slot->part) return cxc_allocated(slot);
    return after_alloc(slot);
  case ALLOC_BUFFER:
    return after_alloc(slot);
  case HANDLE:
    if (slot->part) return cxc_returned(slot);
    slot->status = slot->value.of.i32;
    return offer_buffer(slot, FIRST_BUFFER);
  case GET:
    return response_known(slot);
  case FREE_SMALL:
    return offer_buffer(slot, slot->response_len);
  case RESPOND:
    if (slot->part) return cxc_responded(slot);
    return release(slot, FREE_BUFFER, slot->buffer_ptr, slot->buffer_len);
  case FREE_BUFFER:
    return release(slot, FREE_MESSAGE, slot->message_ptr, message_room(slot));
  case FREE_MESSAGE:
    return finish(slot);
  default:
    return fail(slot, CX_FAULT_PROTOCOL);
  }
}

static void read_trap_code(cx_slot_t *slot) {
  uint8_t code = 0;
  if (slot->part) { /* where a trap is an error like any other */
    slot->trap_code = cxc_trap_code(slot->error);
    return;
  }
  slot->trap_code = slot->trap && wasmtime_trap_code(slot->trap, &code) ? (int32_t)code : -1;
}

/* Polls the running call once; GO_ON when it has returned. */
static int poll(cx_slot_t *slot) {
  bool ended = wasmtime_call_future_poll(slot->future);
  see_memory(slot, slot->context);
  if (!ended) return slot->pending ? CX_CALL : CX_YIELD;
  wasmtime_call_future_delete(slot->future);
  slot->future = NULL;
  if (!slot->trap && !slot->error) return GO_ON;
  read_trap_code(slot);
  return fail(slot, CX_FAULT_TRAP);
}

static bool is_late(const cx_slot_t *slot, uint64_t now) { return slot->deadline_ns && now >= slot->deadline_ns; }

/* A guest out of wall time (or memory) gets no more fuel, and no answer, instead of being dropped: so its stack can be
 * told. */
static void out_of(cx_slot_t *slot, int fault) {
  if (slot->fault == CX_FAULT_NONE) {
    slot->fuel_used = fuel_used(slot);
    slot->fault = fault;
  }
  set_fuel(slot->context, 0);
  cx_answer(slot, 0);
}

/* Goes on with the job until it ends, asks for something, or has had `slices` slices of fuel or `quantum_ns` of time. */
int cx_run(cx_slot_t *slot, uint32_t slices, uint64_t quantum_ns) {
  uint64_t began = quantum_ns ? cx_now_ns() : 0;
  for (;;) {
    int status = slot->future ? poll(slot) : GO_ON;
    if (status == GO_ON) status = slot->fault ? fail(slot, slot->fault) : advance(slot);
    if (status == GO_ON) continue;
    /* Paying for a host call begins a new slice: a guest that calls often never yields, but is not let off the clock. */
    if (status == CX_CALL && is_late(slot, cx_now_ns())) {
      out_of(slot, CX_FAULT_DEADLINE);
      continue;
    }
    if ((status == CX_CALL || status == CX_YIELD) && is_too_large(slot)) {
      out_of(slot, CX_FAULT_ALLOCATION);
      continue;
    }
    if (status != CX_YIELD) return status;
    if (slot->interrupt) return CX_INTERRUPTED;
    mark(slot, get_fuel(slot->context));
    uint64_t now = cx_now_ns();
    if (is_late(slot, now))
      out_of(slot, CX_FAULT_DEADLINE);
    else if (--slices == 0 || (quantum_ns && now - began >= quantum_ns))
      return CX_YIELD;
  }
}

/* ---- profiles -------------------------------------------------------------------------------------------- */

/* Runs on the guest's fiber when the engine's epoch has moved on: only from here can a guest's stack be sampled. */
static wasmtime_error_t *on_epoch(wasmtime_context_t *context, void *env, uint64_t *delta, uint8_t *kind) {
  const cx_slot_t *slot = env;
  cx_profile_t *profile = slot->program->profile;
  (void)context;
  *delta = 1;
  *kind = 0; /* go on */
  if (__atomic_exchange_n(&profile->busy, 1, __ATOMIC_ACQUIRE)) return NULL;
  if (profile->profiler && profile->samples < profile->most_samples && profile->spent_ns < profile->most_ns) {
    uint64_t began = cx_now_ns();
    wasmtime_guestprofiler_sample(profile->profiler, slot->store, profile->interval_ns);
    profile->samples++;
    profile->spent_ns += cx_now_ns() - began;
  }
  __atomic_store_n(&profile->busy, 0, __ATOMIC_RELEASE);
  return NULL;
}

/* No sample is taken any more; answers the profiler, for whoever writes it out. */
wasmtime_guestprofiler_t *cx_end_profile(cx_profile_t *profile) {
  while (__atomic_exchange_n(&profile->busy, 1, __ATOMIC_ACQUIRE)) sched_yield();
  wasmtime_guestprofiler_t *profiler = profile->profiler;
  profile->profiler = NULL;
  __atomic_store_n(&profile->busy, 0, __ATOMIC_RELEASE);
  return profiler;
}

/* ---- the life of an instance ------------------------------------------------------------------------------ */

static void begin(cx_slot_t *slot, uint64_t deadline_ns) {
  if (slot->kept) cxp_unfold(slot);
  slot->fault = CX_FAULT_NONE;
  slot->trap_code = -1;
  slot->status = 0;
  slot->attempts = 0;
  slot->host_calls = 0;
  slot->response_len = 0;
  slot->interrupt = 0;
  slot->refused = 0;
  slot->deadline_ns = deadline_ns;
  set_fuel(slot->context, all_fuel(slot));
  mark(slot, all_fuel(slot));
}

/* A new instance, about to start: cx_run does turn 0. NULL when there is no memory. */
cx_slot_t *cx_new(const cx_program_t *program, uint64_t deadline_ns) {
  cx_slot_t *slot = calloc(1, sizeof *slot);
  if (!slot) return NULL;
  slot->program = program;
  slot->store = wasmtime_store_new(program->engine, slot, NULL);
  slot->context = wasmtime_store_context(slot->store);
  cx_limit_memory(slot, program->memory_limit);
  begin(slot, deadline_ns);
  wasmtime_error_t *error = wasmtime_context_fuel_async_yield_interval(slot->context, program->slice);
  if (error) wasmtime_error_delete(error);
  if (program->profile) {
    wasmtime_store_epoch_deadline_callback(slot->store, on_epoch, slot, NULL);
    wasmtime_context_set_epoch_deadline(slot->context, 1);
  }
  slot->phase = INSTANTIATE;
  if (program->origin) {
    if (cxc_new(slot)) return slot;
    cx_delete(slot);
    return NULL;
  }
  slot->future = wasmtime_instance_pre_instantiate_async(program->pre, slot->context, &slot->instance, &slot->trap,
                                                         &slot->error);
  return slot;
}

/* Memory number `which` of an instance; false where there are no more. */
bool cxp_memory(cx_slot_t *slot, uint32_t which, memory_t *memory) {
  if (slot->part) return cxc_memory(slot, which, memory);
  if (which) return false;
  see_memory(slot, slot->context);
  *memory = (memory_t){slot->base, slot->size};
  return true;
}

int cxp_fail(cx_slot_t *slot, int fault) { return fail(slot, fault); }
int cxp_finish(cx_slot_t *slot) { return finish(slot); }
uint64_t cxp_fuel(const wasmtime_context_t *context) { return get_fuel(context); }
void cxp_begin(cx_slot_t *slot, uint64_t deadline_ns) { begin(slot, deadline_ns); }

void cxp_phase(cx_slot_t *slot, int which) {
  static const enum phase phases[] = {ALLOC_MESSAGE, HANDLE, RESPOND, FREE_MESSAGE};
  slot->phase = phases[which];
}

void cxp_set_fuel(cx_slot_t *slot, uint64_t fuel) {
  set_fuel(slot->context, fuel);
  mark(slot, fuel);
}

bool cxp_is_idle(const cx_slot_t *slot) {
  bool usable =
      slot->fault == CX_FAULT_NONE || slot->fault == CX_FAULT_MESSAGE_SIZE || slot->fault == CX_FAULT_NOT_TEXT;
  return slot->phase == IDLE && !slot->future && usable;
}

/* Gives an idle instance its next message and goes on like cx_run, which must be called until the turn has ended.
 * CX_FAULT at once where the message does not fit; CX_INTERRUPTED where the instance is not idle. */
int cx_deliver(cx_slot_t *slot, const char *message, uint64_t length, uint64_t deadline_ns) {
  bool usable = slot->fault == CX_FAULT_NONE || slot->fault == CX_FAULT_MESSAGE_SIZE;
  if (slot->phase != IDLE || slot->future || !usable || slot->program->allocator == NO_MESSAGES) return CX_INTERRUPTED;
  begin(slot, deadline_ns);
  slot->message_len = length;
  if (!message_fits(slot)) return fail(slot, CX_FAULT_MESSAGE_SIZE);
  slot->message = (const uint8_t *)message;
  slot->phase = START;
  if (slot->program->allocator && length) { /* its allocator may be suspended, and `message` ends with this call */
    slot->message = slot->copy = malloc(length);
    if (!slot->copy) return fail(slot, CX_FAULT_ALLOCATION);
    memcpy(slot->copy, message, length);
  }
  return cx_run(slot, 1, 0);
}

/* Ends the instance, whatever it is doing: dropping its future unwinds nothing in the guest. Not while another thread
 * is inside cx_run. */
void cx_delete(cx_slot_t *slot) {
  if (!slot) return;
  if (slot->future) wasmtime_call_future_delete(slot->future);
  if (slot->trap) wasm_trap_delete(slot->trap);
  if (slot->error) wasmtime_error_delete(slot->error);
  if (slot->part) cxc_delete(slot);
  wasmtime_store_delete(slot->store);
  cxp_forget_kept(slot->kept);
  free(slot->copy);
  free(slot);
}
