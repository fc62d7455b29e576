/* The half of the shim that runs components: what crosses is a value with a type, where a core module has bytes in its
 * memory.
 *
 * A value goes through Wasmtime's C API as a tree of tagged values. Those that come from a guest belong to it until the
 * host call's callback returns: they are moved out of there (shim_component_calls.c). Those that go to a guest are
 * copied by Wasmtime: the message's may be made of memory of ours, the answer to a host call of Wasmtime's own.
 *
 * Wasmtime holds a guest's pointers against its memory and its text against UTF-8; the types of imports and exports
 * were compared when the component was loaded. Whatever else is found here is refused, not believed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim_private.h"

/* Wasmtime's C API, as far as this file calls it. */
wasmtime_call_future_t *wasmtime_component_linker_instantiate_async(const wasmtime_component_linker_t *,
                                                                    wasmtime_context_t *, const wasmtime_component_t *,
                                                                    wasmtime_component_instance_t *,
                                                                    wasmtime_error_t **);
wasmtime_call_future_t *wasmtime_component_func_call_async(const wasmtime_component_func_t *, wasmtime_context_t *,
                                                           const wasmtime_component_val_t *, size_t,
                                                           wasmtime_component_val_t *, size_t, wasmtime_error_t **);
bool wasmtime_component_instance_get_func(const wasmtime_component_instance_t *, wasmtime_context_t *,
                                          const wasmtime_component_export_index_t *, wasmtime_component_func_t *);
void wasmtime_component_val_delete(wasmtime_component_val_t *);
void wasm_byte_vec_delete(wasm_byte_vec_t *);
void wasmtime_error_delete(wasmtime_error_t *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_byte_vec_t *);
typedef struct wasm_valtype_t wasm_valtype_t;
wasm_valtype_t *wasm_valtype_new(uint8_t);
typedef struct wasm_globaltype_t wasm_globaltype_t;
wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *, uint8_t);
void wasm_globaltype_delete(wasm_globaltype_t *);
wasmtime_error_t *wasmtime_global_new(wasmtime_context_t *, const wasm_globaltype_t *, const wasmtime_val_t *,
                                      wasmtime_global_t *);
uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);

const wasm_byte_vec_t cxc_performatives[PERFORMATIVE_COUNT] = {
    TEXT("accept-proposal"), TEXT("agree"), TEXT("cancel"), TEXT("cfp"), TEXT("confirm"), TEXT("disconfirm"),
    TEXT("failure"), TEXT("inform"), TEXT("inform-if"), TEXT("inform-ref"), TEXT("not-understood"), TEXT("propagate"),
    TEXT("propose"), TEXT("proxy"), TEXT("query-if"), TEXT("query-ref"), TEXT("refuse"), TEXT("reject-proposal"),
    TEXT("request"), TEXT("request-when"), TEXT("request-whenever"), TEXT("subscribe")};

const wasm_byte_vec_t cxc_levels[LEVEL_COUNT] = {TEXT("trace"), TEXT("debug"), TEXT("info"), TEXT("warning"), TEXT("error")};

/* By the error number: -1 and so on. */
const wasm_byte_vec_t cxc_kinds[KIND_COUNT] = {TEXT("not-found"), TEXT("denied"), TEXT("bad-argument"), TEXT("limit"),
                                        TEXT("timeout"), TEXT("failed"), TEXT("cycle"), TEXT("mailbox-full"),
                                        TEXT("unknown"), TEXT("stopped")};

/* The fields of an envelope, in the order of the WIT. Seven of them are optional text, from OPTIONAL on. */
enum { F_PERFORMATIVE, F_SENDER, F_RECEIVERS, F_OPTIONAL, F_ID = F_OPTIONAL + 7, F_HEADERS, F_PAYLOAD, F_COUNT };
static const wasm_byte_vec_t FIELDS[F_COUNT] = {
    TEXT("performative"), TEXT("sender"), TEXT("receivers"), TEXT("conversation-id"), TEXT("reply-with"),
    TEXT("in-reply-to"), TEXT("reply-by"), TEXT("ontology"), TEXT("language"), TEXT("content-type"), TEXT("id"),
    TEXT("headers"), TEXT("payload")};

static bool same(const wasm_byte_vec_t *a, const wasm_byte_vec_t *b) {
  return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

int64_t cxc_find_name(const wasm_byte_vec_t *names, size_t count, const wasm_byte_vec_t *name) {
  for (size_t i = 0; i < count; i++)
    if (same(&names[i], name)) return (int64_t)i;
  return -1;
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------------- */

static size_t ascii(const uint8_t *bytes, size_t length) {
  size_t i = 0;
  for (; i + 32 <= length; i += 32) {
    uint64_t words[4];
    memcpy(words, bytes + i, 32);
    if ((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080u) break;
  }
  while (i < length && bytes[i] < 0x80) i++;
  return i;
}

/* How many bytes the character that begins with a byte beyond ASCII has; 0 where it is none. */
static size_t character(const uint8_t *at, size_t left) {
  uint8_t first = at[0], low = 0x80, high = 0xbf;
  size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4 || left <= more) return 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  if (at[1] < low || at[1] > high) return 0;
  for (size_t i = 2; i <= more; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return more + 1;
}

int cx_is_text(const char *text, uint64_t length) {
  const uint8_t *bytes = (const uint8_t *)text;
  size_t i = 0;
  while ((i += ascii(bytes + i, length - i)) < length) {
    size_t size = character(bytes + i, length - i);
    if (!size) return 0;
    i += size;
  }
  return 1;
}

/* ---- a message ------------------------------------------------------------------------------------------- */

/* Everything that a message is made of, in one piece of memory; the texts lie where they lay. */
typedef struct {
  wasmtime_component_valrecord_entry_t fields[F_COUNT];
  val_t options[7];
  val_t payload[3];
  val_t plain[F_COUNT]; /* for the second way in: the fields without their names */
  val_t more[]; /* receivers; for each header a tuple, then its two texts */
} envelope_t;

static void put_text(val_t *into, packed_t *from) {
  into->kind = STRING;
  if (!cxc_next_text(from, &into->of.string)) into->of.string.size = 0;
}

static void put_list(val_t *into, val_t *items, size_t count) {
  into->kind = LIST;
  into->of.list.size = count;
  into->of.list.data = items;
}

static bool put_bytes(cx_part_t *part, val_t *into, const uint8_t *bytes, size_t length) {
  val_t *items = calloc(length ? length : 1, sizeof *items);
  if (!items) return false;
  for (size_t i = 0; i < length; i++) {
    items[i].kind = U8;
    items[i].of.u8 = bytes[i];
  }
  free(part->items);
  part->items = items;
  put_list(into, items, length);
  return true;
}

static bool put_payload(cx_part_t *part, val_t *into, val_t *inner, const char *message, size_t length) {
  static const wasm_byte_vec_t text = TEXT("text"), bytes = TEXT("bytes");
  bool is_text = cx_is_text(message, length);
  into->kind = VARIANT;
  into->of.variant.discriminant = is_text ? text : bytes;
  into->of.variant.val = inner;
  if (!is_text) return put_bytes(part, inner, (const uint8_t *)message, length);
  inner->kind = STRING;
  inner->of.string.size = length;
  inner->of.string.data = (uint8_t *)(uintptr_t)message;
  return true;
}

/* The same for the second way in: its case, its address, its length. */
static void put_direct_payload(val_t *into, val_t *inner, bool is_text, uint32_t address, uint64_t length) {
  inner[0] = (val_t){.kind = U8, .of.u8 = is_text ? 0 : 1};
  inner[1] = (val_t){.kind = U32, .of.u32 = address};
  inner[2] = (val_t){.kind = U32, .of.u32 = (uint32_t)length};
  into->kind = TUPLE;
  into->of.tuple.size = 3;
  into->of.tuple.data = inner;
}

static void put_headers(val_t *into, val_t *items, size_t count, packed_t *from) {
  val_t *texts = items + count;
  for (size_t i = 0; i < count; i++, texts += 2) {
    put_text(&texts[0], from);
    put_text(&texts[1], from);
    items[i].kind = TUPLE;
    items[i].of.tuple.size = 2;
    items[i].of.tuple.data = texts;
  }
  put_list(into, items, count);
}

/* The order of `meta`: performative, receivers, headers (numbers); sender, receivers, seven optional texts, id, headers. */
static envelope_t *put_envelope(cx_part_t *part, packed_t from) {
  uint32_t performative = cxc_next_number(&from), receivers = cxc_next_number(&from), headers = cxc_next_number(&from);
  if (performative >= PERFORMATIVE_COUNT || receivers > 1000 || headers > 1000) return NULL;
  envelope_t *made = calloc(1, sizeof *made + (receivers + 3 * (size_t)headers) * sizeof(val_t));
  if (!made) return NULL;
  free(part->message);
  part->message = made;
  for (size_t i = 0; i < F_COUNT; i++) made->fields[i].name = FIELDS[i];
  made->fields[F_PERFORMATIVE].val.kind = ENUM;
  made->fields[F_PERFORMATIVE].val.of.enumeration = cxc_performatives[performative];
  put_text(&made->fields[F_SENDER].val, &from);
  for (uint32_t i = 0; i < receivers; i++) put_text(&made->more[i], &from);
  put_list(&made->fields[F_RECEIVERS].val, made->more, receivers);
  for (size_t i = 0; i < 7; i++) {
    made->fields[F_OPTIONAL + i].val.kind = OPTION;
    made->options[i].kind = STRING;
    if (cxc_next_text(&from, &made->options[i].of.string))
      made->fields[F_OPTIONAL + i].val.of.option = &made->options[i];
  }
  put_text(&made->fields[F_ID].val, &from);
  put_headers(&made->fields[F_HEADERS].val, made->more + receivers, headers, &from);
  return made;
}

static bool put_record(cx_part_t *part, const char *message, size_t length, packed_t from) {
  envelope_t *made = put_envelope(part, from);
  if (!made) return false;
  part->argument.kind = RECORD;
  part->argument.of.record.size = F_COUNT;
  part->argument.of.record.data = made->fields;
  return put_payload(part, &made->fields[F_PAYLOAD].val, made->payload, message, length);
}

static bool put_tuple(cx_part_t *part, packed_t from, bool is_text, uint32_t address, uint64_t length) {
  envelope_t *made = put_envelope(part, from);
  if (!made) return false;
  for (size_t i = 0; i < F_PAYLOAD; i++) made->plain[i] = made->fields[i].val;
  const wasm_byte_vec_t *act = &made->fields[F_PERFORMATIVE].val.of.enumeration;
  made->plain[F_PERFORMATIVE] =
      (val_t){.kind = U8, .of.u8 = (uint8_t)cxc_find_name(cxc_performatives, PERFORMATIVE_COUNT, act)};
  put_direct_payload(&made->plain[F_PAYLOAD], made->payload, is_text, address, length);
  part->argument.kind = TUPLE;
  part->argument.of.tuple.size = F_COUNT;
  part->argument.of.tuple.data = made->plain;
  return true;
}

/* ---- the response ------------------------------------------------------------------------------------------ */

void cxc_forget(val_t *value) {
  if (value->kind) wasmtime_component_val_delete(value);
  memset(value, 0, sizeof *value);
}

uint8_t *cxc_copy_list(const wasmtime_component_vallist_t *list) {
  uint8_t *bytes = malloc(list->size ? list->size : 1);
  for (size_t i = 0; bytes && i < list->size; i++) bytes[i] = list->data[i].of.u8;
  return bytes;
}

/* A list of bytes, as far as its first element tells; what a guest returns has the type that was checked. */
bool cxc_is_bytes(const val_t *value) {
  return value->kind == LIST && (value->of.list.size == 0 || value->of.list.data[0].kind == U8);
}

/* The payload inside a reply or a failure, or the text of the short form. */
static const val_t *find_payload(const val_t *value) {
  while (value) {
    if (value->kind == STRING || cxc_is_bytes(value)) return value;
    if (value->kind == RESULT)
      value = value->of.result.val;
    else if (value->kind == RECORD && value->of.record.size == 1)
      value = &value->of.record.data[0].val;
    else if (value->kind == VARIANT)
      value = value->of.variant.val;
    else
      return NULL;
  }
  return NULL;
}

/* ---- the second way in ------------------------------------------------------------------------------------- */

static int call_direct(cx_slot_t *slot, int phase, const wasmtime_component_func_t *function, const val_t *arguments,
                       size_t count, size_t results) {
  cxp_phase(slot, phase);
  slot->future = wasmtime_component_func_call_async(function, slot->context, arguments, count, &slot->part->result,
                                                    results, &slot->error);
  return GO_ON;
}

static void put_numbers(cx_part_t *part, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  uint32_t values[] = {a, b, c, d};
  for (size_t i = 0; i < 4; i++) part->numbers[i] = (val_t){.kind = U32, .of.u32 = values[i]};
}

/* The guest's allocator has given a place for the payload. */
int cxc_allocated(cx_slot_t *slot) {
  cx_part_t *part = slot->part;
  memory_t memory = cxc_main_memory(slot);
  uint32_t address = part->result.of.u32;
  uint64_t length = slot->message_len;
  if (!cxc_inside(memory, address, length)) return cxp_fail(slot, CX_FAULT_PROTOCOL);
  if (length) memcpy(memory.base + address, slot->copy, length);
  if (slot->program->origin->text_only) {
    put_numbers(part, address, (uint32_t)length, 0, 0);
    return call_direct(slot, CXP_HANDLE, &part->handle, part->numbers, 2, 1);
  }
  const uint8_t *meta = slot->copy + length;
  packed_t packed = {meta, meta + part->meta_length};
  bool is_text = cx_is_text((const char *)slot->copy, length);
  if (!put_tuple(part, packed, is_text, address, length)) return cxp_fail(slot, CX_FAULT_ALLOCATION);
  return call_direct(slot, CXP_HANDLE, &part->handle, &part->argument, 1, 1);
}

static int direct_returned(cx_slot_t *slot) {
  memory_t memory = cxc_main_memory(slot);
  bool short_form = slot->program->origin->text_only;
  uint32_t at = slot->part->result.of.u32;
  free(slot->copy);
  slot->copy = NULL;
  free(slot->part->message);
  slot->part->message = NULL;
  if (at % 4 || !cxc_inside(memory, at, short_form ? 12 : 16)) return cxp_fail(slot, CX_FAULT_PROTOCOL);
  uint8_t bad = memory.base[at], kind = short_form ? 0 : memory.base[at + 4];
  uint32_t address = cxc_word(memory, (uint64_t)at + (short_form ? 4 : 8));
  uint32_t length = cxc_word(memory, (uint64_t)at + (short_form ? 8 : 12));
  if (bad > 1 || kind > 1 || !cxc_inside(memory, address, length)) return cxp_fail(slot, CX_FAULT_PROTOCOL);
  if (length > slot->program->response_limit) return cxp_fail(slot, CX_FAULT_RESPONSE_SIZE);
  if (kind == 0 && !cx_is_text((const char *)memory.base + address, length)) return cxp_fail(slot, CX_FAULT_PROTOCOL);
  if (slot->size > slot->memory_cap) return cxp_fail(slot, CX_FAULT_ALLOCATION);
  slot->status = bad;
  slot->response_len = length;
  slot->response_ptr = (uintptr_t)(memory.base + address);
  cxp_phase(slot, CXP_RESPOND);
  return CX_RESPONSE;
}

/* The response has been read: the guest frees it. */
int cxc_responded(cx_slot_t *slot) {
  cx_part_t *part = slot->part;
  if (!slot->program->origin->direct_free) return cxp_finish(slot);
  put_numbers(part, part->result.of.u32, 0, 0, 0);
  return call_direct(slot, CXP_FREE, &part->release, part->numbers, 1, 0);
}

static int deliver_direct(cx_slot_t *slot, const char *message, uint64_t length, const char *meta,
                          uint64_t meta_length) {
  cx_part_t *part = slot->part;
  free(slot->copy);
  slot->copy = malloc(length + meta_length + 1); /* the allocator may be suspended, and both end with this call */
  if (!slot->copy) return cxp_fail(slot, CX_FAULT_ALLOCATION);
  if (length) memcpy(slot->copy, message, length);
  if (meta_length) memcpy(slot->copy + length, meta, meta_length);
  slot->message_len = length;
  part->meta_length = meta_length;
  put_numbers(part, 0, 0, 1, (uint32_t)length);
  call_direct(slot, CXP_ALLOCATE, &part->realloc, part->numbers, 4, 1);
  return cx_run(slot, 1, 0);
}

/* The handler has returned. The response stays where it is until the next message. */
int cxc_returned(cx_slot_t *slot) {
  if (slot->program->origin->direct_handle) return direct_returned(slot);
  cx_part_t *part = slot->part;
  const val_t *payload = find_payload(&part->result);
  if (part->result.kind != RESULT || !payload) return cxp_fail(slot, CX_FAULT_PROTOCOL);
  if (slot->size > slot->memory_cap) return cxp_fail(slot, CX_FAULT_ALLOCATION);
  slot->status = part->result.of.result.is_ok ? 0 : 1;
  size_t length = payload->kind == STRING ? payload->of.string.size : payload->of.list.size;
  if (length > slot->program->response_limit) return cxp_fail(slot, CX_FAULT_RESPONSE_SIZE);
  slot->response_len = length;
  if (payload->kind == STRING) {
    slot->response_ptr = (uintptr_t)payload->of.string.data;
  } else {
    part->response = cxc_copy_list(&payload->of.list);
    if (!part->response) return cxp_fail(slot, CX_FAULT_ALLOCATION);
    slot->response_ptr = (uintptr_t)part->response;
    cxc_forget(&part->result);
  }
  return cxp_finish(slot) == CX_DONE ? CX_RESPONSE : CX_FAULT;
}
/* ---- memory, traps ----------------------------------------------------------------------------------------- */

/* The C API has no way from a component to its memories. Their handles are made here from what Wasmtime's own consist
 * of: the store, the number of the core instance in it (0 is Wasmtime's, then they count in the order in which the
 * component makes them), the number of the memory. compile_component.py proves each on a first instance, in the process
 * that compiles. */
static wasmtime_memory_t memory_of(uint64_t store, uint32_t instance, uint32_t memory) {
  wasmtime_memory_t made;
  memset(&made, 0, sizeof made);
  made.outer.store_id = store;
  made.outer.index1 = instance;
  made.index2 = memory;
  return made;
}

/* While an instance is made its handle says nothing yet; so does something else that is made in its store. */
static uint64_t store_of(cx_slot_t *slot) {
  cx_part_t *part = slot->part;
  if (slot->has_memory) return part->instance.store_id;
  if (part->store) return part->store;
  wasm_globaltype_t *type = wasm_globaltype_new(wasm_valtype_new(0), 0);
  wasmtime_val_t zero = {0};
  wasmtime_global_t made = {0};
  wasmtime_error_t *error = wasmtime_global_new(slot->context, type, &zero, &made);
  wasm_globaltype_delete(type);
  if (error) wasmtime_error_delete(error); /* only where the types do not match */
  return part->store = made.store_id;
}

static memory_t memory_number(cx_slot_t *slot, uint32_t which) {
  const uint32_t *place = &slot->program->origin->places[2 * (size_t)which];
  wasmtime_memory_t handle = memory_of(store_of(slot), place[0], place[1]);
  return (memory_t){wasmtime_memory_data(slot->context, &handle), wasmtime_memory_data_size(slot->context, &handle)};
}

memory_t cxc_main_memory(cx_slot_t *slot) { return memory_number(slot, slot->program->origin->main_memory); }

bool cxc_memory(cx_slot_t *slot, uint32_t which, memory_t *memory) {
  if (which >= slot->program->origin->memories) return false;
  *memory = memory_number(slot, which);
  return true;
}

uint64_t cx_memory_at(const wasmtime_context_t *context, uint64_t store, uint32_t instance, uint32_t memory) {
  wasmtime_memory_t handle = memory_of(store, instance, memory);
  return wasmtime_memory_data_size(context, &handle);
}

const uint8_t *cx_memory_data(const wasmtime_context_t *context, uint64_t store, uint32_t instance, uint32_t memory) {
  wasmtime_memory_t handle = memory_of(store, instance, memory);
  return wasmtime_memory_data(context, &handle);
}

void cxc_see_memory(cx_slot_t *slot, const wasmtime_context_t *context) {
  const cx_origin_t *origin = slot->program->origin;
  if (!slot->has_memory) return;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < origin->memories; i++)
    sum += cx_memory_at(context, slot->part->instance.store_id, origin->places[2 * i], origin->places[2 * i + 1]);
  slot->size = sum;
}

/* In the order of Wasmtime's trap codes, as far as traps.py knows them. */
static const char *const TRAPS[] = {"call stack exhausted", "out of bounds memory access", "",
                                    "undefined element: out of bounds table access", "uninitialized element",
                                    "indirect call type mismatch", "integer overflow", "integer divide by zero",
                                    "invalid conversion to integer", "wasm `unreachable` instruction executed", "",
                                    "all fuel consumed by WebAssembly", "", "null reference",
                                    "out of bounds array access", "allocation size too large"};

/* The C API gives a component's trap as an error, whose message ends with the trap's own. */
int32_t cxc_trap_code(const wasmtime_error_t *error) {
  static const char mark[] = "wasm trap: ";
  wasm_byte_vec_t message;
  int32_t found = -1;
  if (!error) return found;
  wasmtime_error_message(error, &message);
  const char *text = (const char *)message.data;
  size_t end = message.size;
  while (end && (text[end - 1] == '\n' || text[end - 1] == ' ')) end--;
  for (size_t i = 0; found < 0 && i < sizeof TRAPS / sizeof *TRAPS; i++) {
    size_t length = strlen(TRAPS[i]), all = length + sizeof mark - 1;
    if (length && all <= end && memcmp(text + end - length, TRAPS[i], length) == 0 &&
        memcmp(text + end - all, mark, sizeof mark - 1) == 0)
      found = (int32_t)i;
  }
  wasm_byte_vec_delete(&message);
  return found;
}

/* ---- the life of an instance ------------------------------------------------------------------------------- */

bool cxc_new(cx_slot_t *slot) {
  const cx_origin_t *origin = slot->program->origin;
  cx_part_t *part = slot->part = calloc(1, sizeof *part);
  if (!part) return false;
  slot->future = wasmtime_component_linker_instantiate_async(origin->linker, slot->context, origin->component,
                                                             &part->instance, &slot->error);
  return true;
}

static bool find_function(cx_slot_t *slot, const wasmtime_component_export_index_t *index,
                          wasmtime_component_func_t *function) {
  return wasmtime_component_instance_get_func(&slot->part->instance, slot->context, index, function);
}

bool cxc_find_handle(cx_slot_t *slot) {
  cx_part_t *part = slot->part;
  const cx_origin_t *origin = slot->program->origin;
  if (!origin->direct_handle) return find_function(slot, origin->handle, &part->handle);
  return find_function(slot, origin->direct_handle, &part->handle) &&
         find_function(slot, origin->direct_realloc, &part->realloc) &&
         (!origin->direct_free || find_function(slot, origin->direct_free, &part->release));
}

static void release_message(cx_part_t *part) {
  free(part->message);
  free(part->items);
  part->message = part->items = NULL;
}

/* As cx_deliver, for a component: with what the envelope says besides, packed (see put_envelope). */
int cx_deliver_envelope(cx_slot_t *slot, const char *message, uint64_t length, const char *meta, uint64_t meta_length,
                        uint64_t deadline_ns) {
  if (!cxp_is_idle(slot)) return CX_INTERRUPTED;
  cx_part_t *part = slot->part;
  cxc_forget(&part->result);
  free(part->response);
  part->response = NULL;
  cxp_begin(slot, deadline_ns);
  if (length > slot->program->message_limit) return cxp_fail(slot, CX_FAULT_MESSAGE_SIZE);
  const cx_origin_t *origin = slot->program->origin;
  if (origin->text_only && !cx_is_text(message, length)) return cxp_fail(slot, CX_FAULT_NOT_TEXT);
  if (origin->direct_handle) return deliver_direct(slot, message, length, meta, meta_length);
  if (origin->text_only) {
    part->argument.kind = STRING;
    part->argument.of.string.size = length;
    part->argument.of.string.data = (uint8_t *)(uintptr_t)message;
  } else {
    packed_t packed = {(const uint8_t *)meta, (const uint8_t *)meta + meta_length};
    if (!put_record(part, message, length, packed)) return cxp_fail(slot, CX_FAULT_ALLOCATION);
  }
  cxp_phase(slot, CXP_HANDLE);
  /* Wasmtime copies the arguments when it is first polled, which is now: `message` and `meta` end with this call. */
  slot->future = wasmtime_component_func_call_async(&part->handle, slot->context, &part->argument, 1, &part->result, 1,
                                                    &slot->error);
  int status = cx_run(slot, 1, 0);
  release_message(part);
  return status;
}

/* Before the store goes, and after the future has. */
void cxc_delete(cx_slot_t *slot) {
  cx_part_t *part = slot->part;
  cxc_release_taken(part);
  cxc_forget(&part->result);
  release_message(part);
  free(part->response);
  free(part->reply);
  free(part->waits);
  free(part);
  slot->part = NULL;
}
