/* Host calls of components whose arguments and results stay in the guest's memory (component_flat.py). What is handed over
 * is what the canonical ABI of the component model makes of the values: numbers, addresses and lengths, and where the
 * result goes. Nothing of it has been looked at before: every address, length, alignment and case is checked here, and
 * every text.
 *
 * A result lies where the guest said, but for lists and texts, for which the guest's allocator gives a place each. The
 * module before the guest (component_adapter.py) asks it, one piece after the other: the answer to a host call, and to
 * each place that it brings, is what the next piece needs. */
#include <stdlib.h>

#include "shim_private.h"

#define BEGIN UINT64_MAX

/* A piece of a result. Its address and `count` are written at `slot`, counted from the place of the piece `holder`. */
typedef struct {
  const uint8_t *bytes; /* NULL for a list whose items are written later */
  uint32_t size, count, align;
  uint32_t holder, slot;
  uint32_t address;
} piece_t;

typedef struct { uint32_t next, count, room; piece_t *pieces; } reply_t;

/* ---- what the guest hands over ----------------------------------------------------------------------------- */

typedef struct { cx_slot_t *slot; memory_t memory; const val_t *at, *end; uint32_t given; uint64_t *bytes; } source_t;

static bool next_u32(source_t *from, uint32_t *value) {
  if (from->at == from->end || from->at->kind != U32) return false;
  *value = from->at++->of.u32;
  return true;
}

static bool give(source_t *from, uint64_t value) {
  if (from->given == 10) return false;
  from->slot->arguments[from->given++] = (int64_t)value;
  return true;
}

/* An address and a number of items. */
static bool give_items(source_t *from, uint32_t size, bool text) {
  uint32_t address, count;
  if (!next_u32(from, &address) || !next_u32(from, &count)) return false;
  uint64_t length = (uint64_t)count * size;
  if (address % size || !cxc_inside(from->memory, address, length)) return false;
  const uint8_t *begin = from->memory.base + address;
  if (text && !cx_is_text((const char *)begin, length)) return false;
  *from->bytes += length;
  return give(from, (uintptr_t)begin) && give(from, count);
}

static bool give_payload(source_t *from) {
  uint32_t kind;
  return next_u32(from, &kind) && kind <= 1 && give_items(from, 1, kind == 0);
}

static bool give_number(source_t *from, uint64_t below) {
  uint32_t value;
  return next_u32(from, &value) && value < below && give(from, value);
}

static bool give_long(source_t *from) {
  if (from->at == from->end || from->at->kind != U64) return false;
  return give(from, from->at++->of.u64);
}

static bool give_argument(source_t *from, char letter) {
  switch (letter) {
  case 's':
    return give_items(from, 1, true);
  case 'p':
    return give_payload(from);
  case 'h':
    return give_items(from, 4, false);
  case 'u':
    return give_number(from, UINT64_C(1) << 32);
  case 'U':
    return give_long(from);
  default:
    return letter == 'e' && give_number(from, LEVEL_COUNT);
  }
}

static uint32_t result_size(const char *how) { return how[0] != 'r' ? 8 : how[1] == 'f' ? 52 : 44; }

bool cxf_take(cx_slot_t *slot, const cx_component_import_t *import, const val_t *arguments, size_t count,
              uint64_t *bytes) {
  cx_part_t *part = slot->part;
  source_t from = {slot, cxc_main_memory(slot), arguments + (count > 0), arguments + count, 0, bytes};
  if (part->reply) return false; /* the allocator that is to give a place calls the host */
  for (const char *letter = import->shape; *letter; letter++)
    if (!give_argument(&from, *letter)) return false;
  if (!*import->result) return from.at == from.end;
  if (!next_u32(&from, &part->result_at) || from.at != from.end || part->result_at % 4) return false;
  return cxc_inside(from.memory, part->result_at, result_size(import->result));
}

/* ---- what the guest gets ----------------------------------------------------------------------------------- */

typedef struct { memory_t memory; reply_t *reply; } target_t;

static void put_byte(target_t *to, uint32_t at, uint8_t value) { to->memory.base[at] = value; }

static void put_word(memory_t memory, uint64_t at, uint32_t value) { memcpy(memory.base + at, &value, sizeof value); }

static void put_piece(target_t *to, uint32_t slot, piece_t piece) {
  reply_t *reply = to->reply;
  if (reply->count == reply->room) return; /* there is room for all that `pieces_in` has counted */
  piece.slot = slot;
  reply->pieces[reply->count++] = piece;
}

static void put_text(target_t *to, uint32_t slot, uint32_t holder, const wasm_byte_vec_t *text) {
  uint32_t size = (uint32_t)text->size;
  put_piece(to, slot, (piece_t){.bytes = text->data, .size = size, .count = size, .align = 1, .holder = holder});
}

static void put_payload(target_t *to, uint32_t at, const wasm_byte_vec_t *data) {
  put_byte(to, at, cx_is_text((const char *)data->data, data->size) ? 0 : 1);
  put_text(to, at + 4, NONE, data);
}

static uint32_t header_count(uint32_t count) { return count > 1000 ? 0 : count; }

static void put_headers(target_t *to, uint32_t at, packed_t *from) {
  uint32_t count = header_count(cxc_next_number(from)), list = to->reply->count;
  put_piece(to, at, (piece_t){.size = 16 * count, .count = count, .align = 4, .holder = NONE});
  for (uint32_t i = 0; i < 2 * count; i++) {
    wasm_byte_vec_t text = {0, NULL};
    cxc_next_text(from, &text);
    put_text(to, 8 * i, list, &text);
  }
}

static void put_error(target_t *to, uint32_t at, int64_t number, const wasm_byte_vec_t *data, packed_t info) {
  int64_t kind = -number - 1;
  uint32_t performative = cxc_next_number(&info), retryable = cxc_next_number(&info);
  wasm_byte_vec_t code = {0, NULL};
  bool coded = cxc_next_text(&info, &code), said = performative < PERFORMATIVE_COUNT;
  put_byte(to, at, (uint8_t)(kind < 0 || kind >= KIND_COUNT ? 5 : kind));
  put_byte(to, at + 4, coded);
  if (coded) put_text(to, at + 8, NONE, &code);
  put_payload(to, at + 16, data);
  put_byte(to, at + 28, said);
  if (said) put_byte(to, at + 29, (uint8_t)performative);
  put_byte(to, at + 30, retryable == 1);
  put_headers(to, at + 32, &info);
}

static void put_answer(target_t *to, uint32_t at, const wasm_byte_vec_t *data, packed_t info) {
  wasm_byte_vec_t code;
  uint32_t performative = cxc_next_number(&info);
  cxc_next_number(&info);
  cxc_next_text(&info, &code);
  put_byte(to, at, (uint8_t)(performative < PERFORMATIVE_COUNT ? performative : 7)); /* inform: a tool's */
  put_payload(to, at + 4, data);
  put_headers(to, at + 16, &info);
}

static void put_finished(target_t *to, uint32_t at, uint32_t index, int64_t number, const wasm_byte_vec_t *data,
                         packed_t info) {
  put_byte(to, at, 0);
  put_word(to->memory, (uint64_t)at + 4, index);
  put_byte(to, at + 8, number < 0);
  if (number < 0)
    put_error(to, at + 12, number, data, info);
  else
    put_answer(to, at + 12, data, info);
}

/* As outcome_value in shim_component.c. */
static void put_outcome(target_t *to, uint32_t at, char letter, int64_t number, const wasm_byte_vec_t *data,
                        packed_t info) {
  uint32_t index = letter == 'f' ? cxc_next_number(&info) : NONE;
  if (index != NONE) {
    put_finished(to, at, index, number, data, info);
    return;
  }
  put_byte(to, at, number < 0);
  if (number < 0)
    put_error(to, at + 4, number, data, info);
  else if (letter == 'u')
    put_word(to->memory, (uint64_t)at + 4, (uint32_t)number);
  else if (letter == 's')
    put_text(to, at + 4, NONE, data);
  else if (letter == 'p')
    put_payload(to, at + 4, data);
  else if (letter == 'a')
    put_answer(to, at + 4, data, info);
}

/* The most that a result with so many bytes of `info` can consist of: code, payload, headers and their texts. */
static uint32_t pieces_in(packed_t info) { return 3 + (uint32_t)(info.end - info.at) / 4; }

/* The reply, with copies of what its pieces are made of behind it: `data` and `info` end with the host's answer. */
static reply_t *new_reply(wasm_byte_vec_t *data, packed_t *info) {
  size_t packed = (size_t)(info->end - info->at), room = pieces_in(*info);
  size_t head = sizeof(reply_t) + room * sizeof(piece_t);
  if (data->size > UINT32_MAX || packed > UINT32_MAX) return NULL;
  reply_t *made = calloc(1, head + data->size + packed + 1);
  if (!made) return NULL;
  uint8_t *copy = (uint8_t *)made + head;
  made->room = (uint32_t)room;
  made->pieces = (piece_t *)(made + 1);
  if (data->size) memcpy(copy, data->data, data->size);
  if (packed) memcpy(copy + data->size, info->at, packed);
  data->data = copy;
  *info = (packed_t){copy + data->size, copy + data->size + packed};
  return made;
}

/* What the next piece needs; 0 where there is none. */
static val_t wanted(cx_part_t *part) {
  val_t value = {.kind = U64};
  reply_t *reply = part->reply;
  if (reply && reply->next < reply->count) {
    const piece_t *piece = &reply->pieces[reply->next];
    value.of.u64 = (uint64_t)piece->align << 32 | piece->size;
  } else {
    free(reply);
    part->reply = NULL;
  }
  return value;
}

void cxf_reply(cx_slot_t *slot, const char *how, int64_t number, const wasm_byte_vec_t *data, packed_t info) {
  cx_part_t *part = slot->part;
  wasm_byte_vec_t kept = *data;
  target_t to = {cxc_main_memory(slot), new_reply(&kept, &info)};
  part->reply = to.reply;
  if (!to.reply) {
    slot->fault = CX_FAULT_ALLOCATION;
    cxp_set_fuel(slot, 0); /* an answer without a result cannot be a trap */
  } else if (how[0] == 'r') {
    put_outcome(&to, part->result_at, how[1], number, &kept, info);
  } else if (how[0] == 's' || how[0] == 'b') {
    put_text(&to, part->result_at, NONE, &kept);
  }
  *part->results = wanted(part);
}

/* Whether the guest brings a place for a piece, and makes no call. */
bool cxf_is_place(const val_t *arguments, size_t count) {
  return count > 0 && arguments[0].kind == U64 && arguments[0].of.u64 != BEGIN;
}

/* Puts a piece there. Answers a fault. */
int cxf_place(cx_slot_t *slot, const val_t *arguments, val_t *results, size_t nresults) {
  cx_part_t *part = slot->part;
  reply_t *reply = part->reply;
  memory_t memory = cxc_main_memory(slot);
  uint64_t address = arguments[0].of.u64;
  if (slot->fault) return slot->fault;
  if (!reply || nresults != 1) return CX_FAULT_PROTOCOL;
  piece_t *piece = &reply->pieces[reply->next];
  if (address % piece->align || !cxc_inside(memory, address, piece->size)) return CX_FAULT_PROTOCOL;
  uint64_t at = piece->slot;
  if (piece->holder != NONE) at += reply->pieces[piece->holder].address;
  if (!cxc_inside(memory, at, 8)) return CX_FAULT_PROTOCOL;
  if (piece->bytes && piece->size) memcpy(memory.base + address, piece->bytes, piece->size);
  put_word(memory, at, (uint32_t)address);
  put_word(memory, at + 4, piece->count);
  piece->address = (uint32_t)address;
  reply->next++;
  results[0] = wanted(part);
  return CX_FAULT_NONE;
}
