/* Host calls of components: what the guest hands over, what it gets, and the resources that it holds. Values cross as
 * trees (see shim_component.c); where they stay in the guest's memory it is shim_flat.c that reads and writes them. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim_private.h"

/* Wasmtime's C API, as far as this file calls it. */
void *wasmtime_context_get_data(const wasmtime_context_t *);
typedef void (*component_callback_t)(void *, wasmtime_context_t *, const wasmtime_component_func_type_t *,
                                     wasmtime_component_val_t *, size_t, wasmtime_component_val_t *, size_t,
                                     wasmtime_error_t **, wasmtime_async_continuation_t *);
wasmtime_error_t *wasmtime_component_linker_instance_add_func_async(wasmtime_component_linker_instance_t *,
                                                                    const char *, size_t, component_callback_t, void *,
                                                                    void (*)(void *));
typedef wasmtime_error_t *(*component_destructor_t)(void *, wasmtime_context_t *, uint32_t);
wasmtime_error_t *wasmtime_component_linker_instance_add_resource(wasmtime_component_linker_instance_t *, const char *,
                                                                  size_t, const wasmtime_component_resource_type_t *,
                                                                  component_destructor_t, void *, void (*)(void *));
wasmtime_component_resource_type_t *wasmtime_component_resource_type_new_host(uint32_t);
void wasmtime_component_resource_type_delete(wasmtime_component_resource_type_t *);
wasmtime_error_t *wasmtime_component_resource_any_to_host(wasmtime_context_t *,
                                                          const wasmtime_component_resource_any_t *,
                                                          wasmtime_component_resource_host_t **);
wasmtime_error_t *wasmtime_component_resource_host_to_any(wasmtime_context_t *,
                                                          const wasmtime_component_resource_host_t *,
                                                          wasmtime_component_resource_any_t **);
wasmtime_component_resource_host_t *wasmtime_component_resource_host_new(bool, uint32_t, uint32_t);
uint32_t wasmtime_component_resource_host_rep(const wasmtime_component_resource_host_t *);
uint32_t wasmtime_component_resource_host_type(const wasmtime_component_resource_host_t *);
void wasmtime_component_resource_host_delete(wasmtime_component_resource_host_t *);
void wasmtime_component_vallist_new_uninit(wasmtime_component_vallist_t *, size_t);
void wasmtime_component_valrecord_new_uninit(wasmtime_component_valrecord_t *, size_t);
void wasmtime_component_valtuple_new_uninit(wasmtime_component_valtuple_t *, size_t);
wasmtime_component_val_t *wasmtime_component_val_new(wasmtime_component_val_t *);
void wasm_byte_vec_new(wasm_byte_vec_t *, size_t, const char *);
wasmtime_error_t *wasmtime_error_new(const char *);
void wasmtime_error_delete(wasmtime_error_t *);

#define MOST_HANDLES 4096u

/* ---- host calls: what the guest hands over ----------------------------------------------------------------- */

void cxc_release_taken(cx_part_t *part) {
  for (uint32_t i = 0; i < part->ntaken; i++) cxc_forget(&part->taken[i]);
  part->ntaken = 0;
  free(part->words);
  free(part->bytes);
  part->words = NULL;
  part->bytes = NULL;
}

/* Makes numbers of the host's resources: the type above, the number below. */
static bool resolve(wasmtime_context_t *context, val_t *value) {
  if (value->kind == LIST) {
    bool any = value->of.list.size && value->of.list.data[0].kind == RESOURCE; /* the items have one type */
    for (size_t i = 0; any && i < value->of.list.size; i++)
      if (!resolve(context, &value->of.list.data[i])) return false;
    return true;
  }
  if (value->kind != RESOURCE) return true;
  wasmtime_component_resource_host_t *host = NULL;
  wasmtime_error_t *error = wasmtime_component_resource_any_to_host(context, value->of.resource, &host);
  cxc_forget(value);
  if (error) {
    wasmtime_error_delete(error);
    return false;
  }
  uint64_t type = wasmtime_component_resource_host_type(host), number = wasmtime_component_resource_host_rep(host);
  wasmtime_component_resource_host_delete(host);
  value->kind = U64;
  value->of.u64 = type << 32 | number;
  return true;
}

/* Bytes that cross with a value, as far as they are counted: those of text and lists. */
static uint64_t weight(const val_t *value) {
  uint64_t sum = 0;
  switch (value->kind) {
  case STRING:
    return value->of.string.size;
  case LIST:
    if (cxc_is_bytes(value)) return value->of.list.size;
    for (size_t i = 0; i < value->of.list.size; i++) sum += 4 + weight(&value->of.list.data[i]);
    return sum;
  case VARIANT:
    return value->of.variant.val ? weight(value->of.variant.val) : 0;
  default:
    return 0;
  }
}

typedef struct { cx_slot_t *slot; uint32_t next; } target_t;

static void give(target_t *to, uint64_t value) {
  if (to->next < 10) to->slot->arguments[to->next++] = (int64_t)value;
}

static bool give_text(target_t *to, const val_t *value) {
  if (value->kind != STRING) return false;
  give(to, (uintptr_t)value->of.string.data);
  give(to, value->of.string.size);
  return true;
}

static bool give_payload(target_t *to, const val_t *value) {
  cx_part_t *part = to->slot->part;
  const val_t *inner = value->kind == VARIANT ? value->of.variant.val : NULL;
  if (!inner) return false;
  if (inner->kind == STRING) return give_text(to, inner);
  if (!cxc_is_bytes(inner) || part->bytes) return false;
  uint64_t size = inner->of.list.size;
  if (size <= to->slot->program->message_limit) { /* what is larger is refused by its size alone */
    part->bytes = cxc_copy_list(&inner->of.list);
    if (!part->bytes) return false;
  }
  give(to, (uintptr_t)part->bytes);
  give(to, size);
  return true;
}

static bool give_words(target_t *to, const val_t *value) {
  cx_part_t *part = to->slot->part;
  if (value->kind != LIST || part->words) return false;
  size_t count = value->of.list.size;
  part->words = malloc((count ? count : 1) * sizeof *part->words);
  for (size_t i = 0; part->words && i < count; i++) {
    if (value->of.list.data[i].kind != U32) return false;
    part->words[i] = value->of.list.data[i].of.u32;
  }
  give(to, (uintptr_t)part->words);
  give(to, count);
  return part->words != NULL;
}

static bool flatten(target_t *to, char letter, const val_t *value) {
  int64_t number;
  switch (letter) {
  case 's':
    return give_text(to, value);
  case 'p':
    return give_payload(to, value);
  case 'h':
    return give_words(to, value);
  case 'u':
    give(to, value->of.u32);
    return value->kind == U32;
  case 'U':
    give(to, value->of.u64);
    return value->kind == U64;
  case 'e':
    number = value->kind == ENUM ? cxc_find_name(cxc_levels, LEVEL_COUNT, &value->of.enumeration) : -1;
    give(to, (uint64_t)number);
    return number >= 0;
  default:
    return letter == 'v';
  }
}

/* Moves the arguments of a host call to where they stay until it is answered, and flattens them; adds up their bytes. */
static bool take(cx_slot_t *slot, const cx_component_import_t *import, wasmtime_context_t *context, val_t *arguments,
                 size_t count, uint64_t *bytes) {
  cx_part_t *part = slot->part;
  target_t to = {slot, 0};
  cxc_release_taken(part);
  if (count > sizeof part->taken / sizeof *part->taken || count != strlen(import->shape)) return false;
  memcpy(part->taken, arguments, count * sizeof *arguments);
  memset(arguments, 0, count * sizeof *arguments);
  part->ntaken = (uint32_t)count;
  for (size_t i = 0; i < count; i++) {
    *bytes += weight(&part->taken[i]);
    if (!resolve(context, &part->taken[i]) || !flatten(&to, import->shape[i], &part->taken[i])) return false;
  }
  return true;
}

static bool always(void *env) {
  (void)env;
  return true;
}

static bool answered(void *env) {
  cx_slot_t *slot = env;
  if (!slot->answered) return false;
  slot->answered = 0;
  slot->pending = 0;
  cxc_release_taken(slot->part);
  return true;
}

static bool is_flat(const cx_slot_t *slot, const cx_component_import_t *import) {
  return import->flat && slot->program->origin->flat;
}

static int admit(cx_slot_t *slot, const cx_component_import_t *import, wasmtime_context_t *context, val_t *arguments,
                 size_t count) {
  uint64_t cost = slot->program->call_cost;
  if (slot->fault) return slot->fault; /* the turn has been ended: its guest goes no further */
  bool taken = is_flat(slot, import) ? cxf_take(slot, import, arguments, count, &cost)
                                     : take(slot, import, context, arguments, count, &cost);
  if (++slot->host_calls > slot->program->call_limit) return CX_FAULT_HOST_CALLS;
  if (!taken) return CX_FAULT_PROTOCOL;
  uint64_t left = cxp_fuel(context);
  cxp_set_fuel(slot, left > cost ? left - cost : 0);
  return left > cost ? CX_FAULT_NONE : CX_FAULT_TRAP;
}

/* Runs on the guest's fiber, whenever it calls an import. */
static void host_call(void *env, wasmtime_context_t *context, const wasmtime_component_func_type_t *type,
                      val_t *arguments, size_t count, val_t *results, size_t nresults, wasmtime_error_t **error,
                      wasmtime_async_continuation_t *continuation) {
  const cx_component_import_t *import = env;
  cx_slot_t *slot = wasmtime_context_get_data(context);
  (void)type;
  continuation->env = slot;
  continuation->finalizer = NULL;
  continuation->callback = always;
  cxc_see_memory(slot, context);
  slot->call = (uint32_t)import->number;
  bool more = is_flat(slot, import) && cxf_is_place(arguments, count);
  int fault = more ? cxf_place(slot, arguments, results, nresults) : admit(slot, import, context, arguments, count);
  if (fault != CX_FAULT_NONE) {
    slot->refused = 1;
    if (fault != CX_FAULT_TRAP) slot->fault = fault;
    *error = wasmtime_error_new(fault == CX_FAULT_TRAP ? "wasm trap: all fuel consumed by WebAssembly"
                                                       : "refused by the host");
    return;
  }
  if (more) return;
  slot->import = import;
  slot->part->results = nresults ? results : NULL;
  slot->answered = 0;
  slot->pending = 1;
  continuation->callback = answered;
}

wasmtime_error_t *cx_define_component(wasmtime_component_linker_instance_t *linker, const char *name, size_t length,
                                      const cx_component_import_t *import) {
  return wasmtime_component_linker_instance_add_func_async(linker, name, length, host_call, (void *)(uintptr_t)import,
                                                           NULL);
}

/* ---- host calls: what the guest gets ----------------------------------------------------------------------- */

static val_t text_value(uint8_t kind, const wasm_byte_vec_t *text) {
  val_t made = {.kind = kind};
  wasm_byte_vec_new(&made.of.string, text->size, (const char *)text->data);
  return made;
}

static val_t bytes_value(const uint8_t *bytes, size_t length) {
  val_t made = {.kind = LIST};
  wasmtime_component_vallist_new_uninit(&made.of.list, length);
  for (size_t i = 0; i < length; i++) {
    made.of.list.data[i].kind = U8;
    made.of.list.data[i].of.u8 = bytes[i];
  }
  return made;
}

static val_t payload_value(const wasm_byte_vec_t *data) {
  static const wasm_byte_vec_t names[] = {TEXT("bytes"), TEXT("text")};
  int is_text = cx_is_text((const char *)data->data, data->size);
  val_t inner = is_text ? text_value(STRING, data) : bytes_value(data->data, data->size);
  val_t made = {.kind = VARIANT};
  wasm_byte_vec_new(&made.of.variant.discriminant, names[is_text].size, (const char *)names[is_text].data);
  made.of.variant.val = wasmtime_component_val_new(&inner);
  return made;
}

static val_t option_value(bool there, val_t value) {
  val_t made = {.kind = OPTION};
  if (there) made.of.option = wasmtime_component_val_new(&value);
  return made;
}

static val_t headers_value(packed_t *from) {
  val_t made = {.kind = LIST};
  uint32_t count = cxc_next_number(from);
  if (count > 1000) count = 0;
  wasmtime_component_vallist_new_uninit(&made.of.list, count);
  for (uint32_t i = 0; i < count; i++) {
    val_t *pair = &made.of.list.data[i];
    pair->kind = TUPLE;
    wasmtime_component_valtuple_new_uninit(&pair->of.tuple, 2);
    for (size_t k = 0; k < 2; k++) {
      wasm_byte_vec_t text = {0, NULL};
      cxc_next_text(from, &text);
      pair->of.tuple.data[k] = text_value(STRING, &text);
    }
  }
  return made;
}

/* A record of fields that are given as name, value. */
typedef struct { const char *name; val_t value; } field_t;

static val_t record_value(const field_t *fields, size_t count) {
  val_t made = {.kind = RECORD};
  wasmtime_component_valrecord_new_uninit(&made.of.record, count);
  for (size_t i = 0; i < count; i++) {
    wasmtime_component_valrecord_entry_t *entry = &made.of.record.data[i];
    wasm_byte_vec_new(&entry->name, strlen(fields[i].name), fields[i].name);
    entry->val = fields[i].value;
  }
  return made;
}

static val_t error_value(int64_t number, const wasm_byte_vec_t *data, packed_t info) {
  int64_t kind = -number - 1;
  if (kind < 0 || kind >= KIND_COUNT) kind = 5;
  uint32_t performative = cxc_next_number(&info), retryable = cxc_next_number(&info);
  wasm_byte_vec_t code = {0, NULL};
  bool coded = cxc_next_text(&info, &code), said = performative < PERFORMATIVE_COUNT;
  val_t nothing = {0};
  const field_t fields[] = {
      {"kind", text_value(ENUM, &cxc_kinds[kind])},
      {"code", option_value(coded, coded ? text_value(STRING, &code) : nothing)},
      {"data", payload_value(data)},
      {"performative", option_value(said, said ? text_value(ENUM, &cxc_performatives[performative]) : nothing)},
      {"retryable", {.kind = BOOL, .of.boolean = retryable == 1}},
      {"headers", headers_value(&info)}};
  return record_value(fields, sizeof fields / sizeof *fields);
}

static val_t answer_value(const wasm_byte_vec_t *data, packed_t info) {
  wasm_byte_vec_t code;
  uint32_t performative = cxc_next_number(&info);
  cxc_next_number(&info);
  cxc_next_text(&info, &code);
  if (performative >= PERFORMATIVE_COUNT) performative = 7; /* inform: a tool's */
  const field_t fields[] = {{"performative", text_value(ENUM, &cxc_performatives[performative])},
                            {"payload", payload_value(data)},
                            {"headers", headers_value(&info)}};
  return record_value(fields, sizeof fields / sizeof *fields);
}

static val_t result_value(bool ok, bool there, val_t value) {
  val_t made = {.kind = RESULT};
  made.of.result.is_ok = ok;
  made.of.result.val = there ? wasmtime_component_val_new(&value) : NULL;
  return made;
}

static val_t finished_value(int64_t index, int64_t number, const wasm_byte_vec_t *data, packed_t info) {
  val_t outcome = number < 0 ? result_value(false, true, error_value(number, data, info))
                             : result_value(true, true, answer_value(data, info));
  const field_t fields[] = {{"index", {.kind = U32, .of.u32 = (uint32_t)index}}, {"outcome", outcome}};
  return record_value(fields, sizeof fields / sizeof *fields);
}

/* `letter` says what a call answers when it has gone well: - nothing, u a number, s text, p a payload, a an answer,
 * f one of several handles (its index comes first in `info`), with the number then being that handle's. */
static val_t outcome_value(char letter, int64_t number, const wasm_byte_vec_t *data, packed_t info) {
  val_t value = {0};
  if (letter == 'f') {
    uint32_t index = cxc_next_number(&info);
    if (index != NONE) return result_value(true, true, finished_value(index, number, data, info));
  }
  if (number < 0) return result_value(false, true, error_value(number, data, info));
  if (letter == 'u') {
    value.kind = U32;
    value.of.u32 = (uint32_t)number;
  } else if (letter == 's') {
    value = text_value(STRING, data);
  } else if (letter == 'p') {
    value = payload_value(data);
  } else if (letter == 'a') {
    value = answer_value(data, info);
  }
  return result_value(true, letter != '-', value);
}

/* Answers the pending host call of a component. The import's `result` says how: `r` and a letter a result (see
 * outcome_value), U a number, s text, b bytes; empty: nothing. `info` has performative and retryable (numbers), a code,
 * the count of headers and the headers. 0 where text is wanted and `data` is none. */
int cx_reply(cx_slot_t *slot, int64_t number, const char *data, uint64_t length, const char *info,
             uint64_t info_length) {
  if (!slot->pending) return 0;
  const char *how = ((const cx_component_import_t *)slot->import)->result;
  wasm_byte_vec_t bytes = {length, (uint8_t *)(uintptr_t)data};
  packed_t packed = {(const uint8_t *)info, (const uint8_t *)info + info_length};
  bool text = how[0] == 's' || (how[0] == 'r' && how[1] == 's' && number >= 0);
  if (text && !cx_is_text(data, length)) return 0;
  cx_charge(slot, length);
  val_t *into = slot->part->results;
  if (into && is_flat(slot, slot->import))
    cxf_reply(slot, how, number, &bytes, packed);
  else if (into && how[0] == 'r')
    *into = outcome_value(how[1], number, &bytes, packed);
  else if (into && how[0] == 's')
    *into = text_value(STRING, &bytes);
  else if (into && how[0] == 'b')
    *into = bytes_value(bytes.data, bytes.size);
  else if (into && how[0] == 'U')
    *into = (val_t){.kind = U64, .of.u64 = (uint64_t)number};
  return cx_settle(slot);
}

/* The result has been written: the guest may go on. */
int cx_settle(cx_slot_t *slot) {
  if (!slot->pending) return 0;
  slot->answered = 1;
  return 1;
}

/* ---- resources --------------------------------------------------------------------------------------------- */

static wasmtime_error_t *dropped(void *type, wasmtime_context_t *context, uint32_t number) {
  cx_slot_t *slot = wasmtime_context_get_data(context);
  cx_part_t *part = slot->part;
  if (part->handles) part->handles--;
  if ((uintptr_t)type == 1 && number < part->nwaits) part->waits[number] = 0;
  return NULL;
}

/* A type of resource whose values are the host's; number 1 is that of pollables, which have a time in `waits`. */
wasmtime_error_t *cx_define_resource(wasmtime_component_linker_instance_t *linker, const char *name, size_t length,
                                     uint32_t number) {
  wasmtime_component_resource_type_t *type = wasmtime_component_resource_type_new_host(number);
  wasmtime_error_t *error = wasmtime_component_linker_instance_add_resource(linker, name, length, type, dropped,
                                                                            (void *)(uintptr_t)number, NULL);
  wasmtime_component_resource_type_delete(type);
  return error;
}

/* Writes a resource that the guest will own; 0 where it has too many. Only while a host call is pending. */
int cx_own(cx_slot_t *slot, val_t *into, uint32_t type, uint32_t number) {
  if (slot->part->handles >= MOST_HANDLES) return 0;
  wasmtime_component_resource_host_t *host = wasmtime_component_resource_host_new(true, number, type);
  wasmtime_component_resource_any_t *any = NULL;
  wasmtime_error_t *error = wasmtime_component_resource_host_to_any(slot->context, host, &any);
  wasmtime_component_resource_host_delete(host);
  if (error) {
    wasmtime_error_delete(error);
    return 0;
  }
  slot->part->handles++;
  into->kind = RESOURCE;
  into->of.resource = any;
  return 1;
}

/* A place for a pollable that is ready at `when` (never 0); -1 where there are too many. */
int64_t cx_new_wait(cx_slot_t *slot, uint64_t when) {
  cx_part_t *part = slot->part;
  uint32_t at = 0;
  while (at < part->nwaits && part->waits[at]) at++;
  if (at == MOST_HANDLES) return -1;
  if (at == part->nwaits) {
    uint32_t room = part->nwaits ? part->nwaits * 2 : 8;
    uint64_t *waits = realloc(part->waits, room * sizeof *waits);
    if (!waits) return -1;
    memset(waits + part->nwaits, 0, (room - part->nwaits) * sizeof *waits);
    part->waits = waits;
    part->nwaits = room;
  }
  part->waits[at] = when;
  return at;
}

uint64_t cx_wait_at(const cx_slot_t *slot, uint32_t number) {
  return number < slot->part->nwaits ? slot->part->waits[number] : 0;
}
