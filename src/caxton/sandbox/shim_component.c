/* The half of the shim that runs components: what crosses is a value with a type, where a core module has bytes in its
 * memory.
 *
 * A value goes through Wasmtime's C API as a tree of tagged values. Those that come from a guest belong to it until the
 * host call's callback returns: they are moved out of there (`take`). Those that go to a guest are copied by Wasmtime:
 * the message's may be made of memory of ours, the answer to a host call of Wasmtime's own.
 *
 * Wasmtime holds a guest's pointers against its memory and its text against UTF-8; the types of imports and exports
 * were compared when the component was loaded. Whatever else is found here is refused, not believed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shim_private.h"

/* Wasmtime's C API, as far as this file calls it. */
void *wasmtime_context_get_data(const wasmtime_context_t *);
wasmtime_call_future_t *wasmtime_component_linker_instantiate_async(const wasmtime_component_linker_t *,
                                                                    wasmtime_context_t *, const wasmtime_component_t *,
                                                                    wasmtime_component_instance_t *,
                                                                    wasmtime_error_t **);
wasmtime_call_future_t *wasmtime_component_func_call_async(const wasmtime_component_func_t *, wasmtime_context_t *,
                                                           const wasmtime_component_val_t *, size_t,
                                                           wasmtime_component_val_t *, size_t, wasmtime_error_t **);
bool wasmtime_component_instance_get_func(const wasmtime_component_instance_t *, wasmtime_context_t *,
                                          const wasmtime_component_export_index_t *, wasmtime_component_func_t *);
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
void wasmtime_component_val_delete(wasmtime_component_val_t *);
void wasm_byte_vec_new(wasm_byte_vec_t *, size_t, const char *);
void wasm_byte_vec_delete(wasm_byte_vec_t *);
wasmtime_error_t *wasmtime_error_new(const char *);
void wasmtime_error_delete(wasmtime_error_t *);
void wasmtime_error_message(const wasmtime_error_t *, wasm_byte_vec_t *);
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_globaltype_t wasm_globaltype_t;
wasm_valtype_t *wasm_valtype_new(uint8_t);
wasm_globaltype_t *wasm_globaltype_new(wasm_valtype_t *, uint8_t);
void wasm_globaltype_delete(wasm_globaltype_t *);
wasmtime_error_t *wasmtime_global_new(wasmtime_context_t *, const wasm_globaltype_t *, const wasmtime_val_t *,
                                      wasmtime_global_t *);
uint8_t *wasmtime_memory_data(const wasmtime_context_t *, const wasmtime_memory_t *);
size_t wasmtime_memory_data_size(const wasmtime_context_t *, const wasmtime_memory_t *);

#define MOST_HANDLES 4096u
#define TEXT(literal) {sizeof literal - 1, (uint8_t *)(uintptr_t)literal}

static const wasm_byte_vec_t PERFORMATIVES[PERFORMATIVE_COUNT] = {
    TEXT("accept-proposal"), TEXT("agree"), TEXT("cancel"), TEXT("cfp"), TEXT("confirm"), TEXT("disconfirm"),
    TEXT("failure"), TEXT("inform"), TEXT("inform-if"), TEXT("inform-ref"), TEXT("not-understood"), TEXT("propagate"),
    TEXT("propose"), TEXT("proxy"), TEXT("query-if"), TEXT("query-ref"), TEXT("refuse"), TEXT("reject-proposal"),
    TEXT("request"), TEXT("request-when"), TEXT("request-whenever"), TEXT("subscribe")};

static const wasm_byte_vec_t LEVELS[LEVEL_COUNT] = {TEXT("trace"), TEXT("debug"), TEXT("info"), TEXT("warning"), TEXT("error")};

/* By the error number: -1 and so on. */
static const wasm_byte_vec_t KINDS[KIND_COUNT] = {TEXT("not-found"), TEXT("denied"), TEXT("bad-argument"), TEXT("limit"),
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

static int64_t find_name(const wasm_byte_vec_t *names, size_t count, const wasm_byte_vec_t *name) {
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
  made->fields[F_PERFORMATIVE].val.of.enumeration = PERFORMATIVES[performative];
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
      (val_t){.kind = U8, .of.u8 = (uint8_t)find_name(PERFORMATIVES, PERFORMATIVE_COUNT, act)};
  put_direct_payload(&made->plain[F_PAYLOAD], made->payload, is_text, address, length);
  part->argument.kind = TUPLE;
  part->argument.of.tuple.size = F_COUNT;
  part->argument.of.tuple.data = made->plain;
  return true;
}

/* ---- the response ------------------------------------------------------------------------------------------ */

static void forget(val_t *value) {
  if (value->kind) wasmtime_component_val_delete(value);
  memset(value, 0, sizeof *value);
}

static uint8_t *copy_list(const wasmtime_component_vallist_t *list) {
  uint8_t *bytes = malloc(list->size ? list->size : 1);
  for (size_t i = 0; bytes && i < list->size; i++) bytes[i] = list->data[i].of.u8;
  return bytes;
}

/* A list of bytes, as far as its first element tells; what a guest returns has the type that was checked. */
static bool is_bytes(const val_t *value) {
  return value->kind == LIST && (value->of.list.size == 0 || value->of.list.data[0].kind == U8);
}

/* The payload inside a reply or a failure, or the text of the short form. */
static const val_t *find_payload(const val_t *value) {
  while (value) {
    if (value->kind == STRING || is_bytes(value)) return value;
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
    part->response = copy_list(&payload->of.list);
    if (!part->response) return cxp_fail(slot, CX_FAULT_ALLOCATION);
    slot->response_ptr = (uintptr_t)part->response;
    forget(&part->result);
  }
  return cxp_finish(slot) == CX_DONE ? CX_RESPONSE : CX_FAULT;
}

/* ---- host calls: what the guest hands over ----------------------------------------------------------------- */

static void release_taken(cx_part_t *part) {
  for (uint32_t i = 0; i < part->ntaken; i++) forget(&part->taken[i]);
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
  forget(value);
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
    if (is_bytes(value)) return value->of.list.size;
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
  if (!is_bytes(inner) || part->bytes) return false;
  uint64_t size = inner->of.list.size;
  if (size <= to->slot->program->message_limit) { /* what is larger is refused by its size alone */
    part->bytes = copy_list(&inner->of.list);
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
    number = value->kind == ENUM ? find_name(LEVELS, LEVEL_COUNT, &value->of.enumeration) : -1;
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
  release_taken(part);
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
  release_taken(slot->part);
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
      {"kind", text_value(ENUM, &KINDS[kind])},
      {"code", option_value(coded, coded ? text_value(STRING, &code) : nothing)},
      {"data", payload_value(data)},
      {"performative", option_value(said, said ? text_value(ENUM, &PERFORMATIVES[performative]) : nothing)},
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
  const field_t fields[] = {{"performative", text_value(ENUM, &PERFORMATIVES[performative])},
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
  forget(&part->result);
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
  release_taken(part);
  forget(&part->result);
  release_message(part);
  free(part->response);
  free(part->reply);
  free(part->waits);
  free(part);
  slot->part = NULL;
}
