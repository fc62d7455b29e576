/* caxton.h: write a Caxton agent in C. Include it, and define
 *
 *     caxton_reply caxton_handle(caxton_bytes message) {
 *       return caxton_ok(caxton_format("hello, %.*s", CAXTON_ARG(message)));
 *     }
 *
 * That is an agent: one function from message to reply. The rest of this header is what it may ask of its host, and
 * what C lacks where there is no C library: a heap, memory functions, a small printf, enough of JSON.
 *
 * Bytes.    A `caxton_bytes` is a place and a size; it may hold any bytes. Where a parameter is called `text`, `to`,
 *           `topic`, `name`, `key`, `json` or `meta`, a C string will do as well.
 * Memory.   What a function here gives lives until the turn ends (a turn is one message and its reply), and so does
 *           the message; then it is freed by itself. What is to stay goes into malloc(), a static variable, the state.
 * Errors.   Every host call gives a `caxton_result`. `kind` is CAXTON_OK (0), or says what went wrong.
 * Panics.   caxton_panic(), a failed assert() and abort() write their message to the agent's log and trap: the turn
 *           fails, its effects are dropped, and a new instance takes the next message.
 *
 * It compiles for wasm32-freestanding (without a C library) and for wasm32-wasi (with one), with clang, as C11 or
 * newer. Any number of source files may include it.
 */
#ifndef CAXTON_H
#define CAXTON_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- What an agent is made of --------------------------------------------------------------------------- */

typedef struct caxton_bytes {
  const uint8_t *data;
  size_t size;
} caxton_bytes;

typedef struct caxton_reply {
  int32_t status; /* 0: it went well; anything else: the agent reports a failure */
  caxton_bytes payload;
} caxton_reply;

/* What a host call came to. The numbers are the host's. */
typedef enum caxton_kind {
  CAXTON_OK = 0,
  CAXTON_NOT_FOUND = -1,
  CAXTON_DENIED = -2,
  CAXTON_BAD_ARGUMENT = -3,
  CAXTON_LIMIT = -4,
  CAXTON_TIMEOUT = -5,
  CAXTON_FAILED = -6, /* the other side refused, failed or trapped: `data` is what it said */
  CAXTON_CYCLE = -7,
  CAXTON_MAILBOX_FULL = -8,
  CAXTON_UNKNOWN = -9,
  CAXTON_STOPPED = -10
} caxton_kind;

typedef struct caxton_result {
  caxton_kind kind;         /* CAXTON_OK, or what went wrong */
  int32_t number;           /* the handle, the timer's id, or the index, where the call gives one */
  caxton_bytes data;        /* the data that the call gives; after an error its message, or what the other side said */
  const char *code;         /* after an error: the host's code, such as "grant.denied"; "" where it has none */
  const char *performative; /* of a reply, such as "inform"; else "" */
  bool retryable;           /* after an error: the same call may work later */
} caxton_result;

typedef enum caxton_level { CAXTON_TRACE, CAXTON_DEBUG, CAXTON_INFO, CAXTON_WARNING, CAXTON_ERROR } caxton_level;

/* The agent. The message is the sender's payload, any bytes. */
caxton_reply caxton_handle(caxton_bytes message);

/* To do something once, before the first message: CAXTON_START { ...; return 0; }. Anything but 0 refuses to start. */
#define CAXTON_START __attribute__((export_name("caxton_init"))) int32_t caxton_init(void)

/* ---- Bytes and text ------------------------------------------------------------------------------------- */

static inline size_t caxton_length_(const char *text) {
  size_t size = 0;
  while (text[size]) size++;
  return size;
}

static inline caxton_bytes caxton_from_text_(const char *text) {
  return (caxton_bytes){(const uint8_t *)text, caxton_length_(text)};
}

static inline caxton_bytes caxton_from_bytes_(caxton_bytes bytes) { return bytes; }

/* A C string as bytes; bytes as they are. */
#define CAXTON_BYTES(text) \
  _Generic((text), char *: caxton_from_text_, const char *: caxton_from_text_, caxton_bytes: caxton_from_bytes_)(text)

/* The two arguments that "%.*s" takes. Give it a variable: it is looked at twice. */
#define CAXTON_ARG(bytes) (int)(bytes).size, (const char *)(bytes).data

/* Whether two texts are the same. */
#define caxton_equal(text, other) caxton_equal_(CAXTON_BYTES(text), CAXTON_BYTES(other))

/* Takes the part up to a separator from the front of `rest`, and the separator with it; all where there is none. */
static inline caxton_bytes caxton_cut(caxton_bytes *rest, char separator) {
  size_t at = 0;
  while (at < rest->size && rest->data[at] != (uint8_t)separator) at++;
  caxton_bytes part = {rest->data, at};
  size_t gone = at < rest->size ? at + 1 : at;
  *rest = (caxton_bytes){rest->data + gone, rest->size - gone};
  return part;
}

/* Reads a decimal number without a sign; false where it is none, or too large. */
static inline bool caxton_number(caxton_bytes text, int64_t *number) {
  int64_t value = 0;
  for (size_t i = 0; i < text.size; i++) {
    int digit = text.data[i] - '0';
    if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *number = value;
  return text.size > 0;
}

/* ---- Memory --------------------------------------------------------------------------------------------- */

#ifdef __wasi__
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#else
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t strlen(const char *text);
_Noreturn void abort(void);
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) \
  ((condition) ? (void)0 : caxton_panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #condition))
#endif
#endif

/* Writes to the log at level error, and traps. The format is caxton_format's; at most 512 bytes are kept. */
__attribute__((format(printf, 1, 2))) _Noreturn static inline void caxton_panic(const char *format, ...);

/* Memory until the end of the turn. Never NULL: where there is none left, it panics. */
static inline void *caxton_take(size_t size);

/* Text until the end of the turn, made as printf makes it: %s %.*s %c %d %i %u %x %p %%, with l, ll or z, nothing else.
 * Other than with printf, what %.*s takes may hold zeros. */
__attribute__((format(printf, 1, 2))) static inline caxton_bytes caxton_format(const char *format, ...);

/* ---- Replies -------------------------------------------------------------------------------------------- */

/* Answers with text. */
#define caxton_ok(text) ((caxton_reply){0, CAXTON_BYTES(text)})

/* Answers with a failure: the asker gets it as an error, and nothing that this turn has queued happens. */
#define caxton_fail(text) ((caxton_reply){1, CAXTON_BYTES(text)})

/* Answers with nothing. */
static inline caxton_reply caxton_nothing(void) { return (caxton_reply){0, {NULL, 0}}; }

/* Answers with a failure that says what a host call's error said. */
static inline caxton_reply caxton_fail_with(caxton_result result);

/* What an error is called: "not-found", "denied", ... */
static inline const char *caxton_kind_name(caxton_kind kind) {
  static const char *const names[] = {"ok",     "not-found", "denied",       "bad-argument", "limit",  "timeout",
                                      "failed", "cycle",     "mailbox-full", "unknown",      "stopped"};
  return kind <= 0 && kind >= -10 ? names[-kind] : "error";
}

/* ---- The host's imports --------------------------------------------------------------------------------- */

#define CAXTON_IMPORT_(name) __attribute__((import_module("caxton"), import_name(#name))) extern
CAXTON_IMPORT_(log) void caxton_log_i(int32_t, const void *, size_t);
CAXTON_IMPORT_(read_result) int32_t caxton_read_result_i(void *, size_t);
CAXTON_IMPORT_(result_info) int32_t caxton_result_info_i(void);
CAXTON_IMPORT_(context) int32_t caxton_context_i(void);
CAXTON_IMPORT_(envelope) int32_t caxton_envelope_i(void);
CAXTON_IMPORT_(tell) int32_t caxton_tell_i(const void *, size_t, const void *, size_t);
CAXTON_IMPORT_(send_envelope) int32_t caxton_send_i(const void *, size_t, const void *, size_t);
CAXTON_IMPORT_(publish) int32_t caxton_publish_i(const void *, size_t, const void *, size_t);
CAXTON_IMPORT_(subscribe) int32_t caxton_subscribe_i(const void *, size_t);
CAXTON_IMPORT_(unsubscribe) int32_t caxton_unsubscribe_i(const void *, size_t);
CAXTON_IMPORT_(ask) int32_t caxton_ask_i(const void *, size_t, const void *, size_t, int64_t);
CAXTON_IMPORT_(call_tool) int32_t caxton_call_tool_i(const void *, size_t, const void *, size_t);
CAXTON_IMPORT_(ask_start) int32_t caxton_ask_start_i(const void *, size_t, const void *, size_t, int64_t);
CAXTON_IMPORT_(tool_start) int32_t caxton_tool_start_i(const void *, size_t, const void *, size_t, int64_t);
CAXTON_IMPORT_(wait) int32_t caxton_wait_i(const int32_t *, size_t, int64_t);
CAXTON_IMPORT_(cancel) int32_t caxton_cancel_i(int32_t);
CAXTON_IMPORT_(list_tools) int32_t caxton_list_tools_i(void);
CAXTON_IMPORT_(emit) int32_t caxton_emit_i(const void *, size_t);
CAXTON_IMPORT_(defer) int32_t caxton_defer_i(void);
CAXTON_IMPORT_(state_get) int32_t caxton_state_get_i(const void *, size_t);
CAXTON_IMPORT_(state_put) int32_t caxton_state_put_i(const void *, size_t, const void *, size_t);
CAXTON_IMPORT_(state_delete) int32_t caxton_state_delete_i(const void *, size_t);
CAXTON_IMPORT_(state_keys) int32_t caxton_state_keys_i(const void *, size_t);
CAXTON_IMPORT_(set_timer) int32_t caxton_set_timer_i(int64_t, int64_t, const void *, size_t);
CAXTON_IMPORT_(cancel_timer) int32_t caxton_cancel_timer_i(int32_t);
CAXTON_IMPORT_(now_ms) int64_t caxton_now_i(void);
CAXTON_IMPORT_(monotonic_ns) int64_t caxton_monotonic_i(void);
CAXTON_IMPORT_(random) void caxton_random_i(void *, size_t);
CAXTON_IMPORT_(sleep_ms) int32_t caxton_sleep_i(int64_t);

/* ---- Host calls ----------------------------------------------------------------------------------------- *
 * Queued calls (tell, send, publish, subscribe, unsubscribe, put, delete, timers) happen when the turn has gone well.
 * Times are milliseconds. */

static inline caxton_result caxton_done_(int32_t number);   /* a call that gives nothing */
static inline caxton_result caxton_data_(int32_t number);   /* a call that gives data */
static inline caxton_result caxton_number_(int32_t number); /* a call that gives a number */
static inline caxton_result caxton_outcome_(int32_t number, bool waited); /* a call that gives a reply */

/* Writes a line to the agent's log. */
#define caxton_log(level, text) caxton_log_(level, CAXTON_BYTES(text))
static inline void caxton_log_(caxton_level level, caxton_bytes text) { caxton_log_i(level, text.data, text.size); }

/* This agent as JSON: agent, params, attempt, deadline_ms, fuel, grants. */
static inline caxton_result caxton_context(void) { return caxton_data_(caxton_context_i()); }

/* The message's envelope, without its payload, as JSON: sender, performative, reply-with, ... */
static inline caxton_result caxton_envelope(void) { return caxton_data_(caxton_envelope_i()); }

/* Queues an `inform` to an agent. */
#define caxton_tell(to, text) caxton_tell_(CAXTON_BYTES(to), CAXTON_BYTES(text))
static inline caxton_result caxton_tell_(caxton_bytes to, caxton_bytes body) {
  return caxton_done_(caxton_tell_i(to.data, to.size, body.data, body.size));
}

/* Queues any envelope: JSON without content (docs/reference/envelopes.md), and its payload. */
#define caxton_send(meta, text) caxton_send_(CAXTON_BYTES(meta), CAXTON_BYTES(text))
static inline caxton_result caxton_send_(caxton_bytes meta, caxton_bytes body) {
  return caxton_done_(caxton_send_i(meta.data, meta.size, body.data, body.size));
}

/* Queues a message to everybody who is subscribed to a topic. */
#define caxton_publish(topic, text) caxton_publish_(CAXTON_BYTES(topic), CAXTON_BYTES(text))
static inline caxton_result caxton_publish_(caxton_bytes topic, caxton_bytes body) {
  return caxton_done_(caxton_publish_i(topic.data, topic.size, body.data, body.size));
}

/* Subscribes to a topic or a pattern ("news.*", "news.>"); ends that. */
#define caxton_subscribe(topic) caxton_subscribe_(CAXTON_BYTES(topic))
static inline caxton_result caxton_subscribe_(caxton_bytes topic) {
  return caxton_done_(caxton_subscribe_i(topic.data, topic.size));
}
#define caxton_unsubscribe(topic) caxton_unsubscribe_(CAXTON_BYTES(topic))
static inline caxton_result caxton_unsubscribe_(caxton_bytes topic) {
  return caxton_done_(caxton_unsubscribe_i(topic.data, topic.size));
}

/* Sends a `request` now and waits for the reply: `data` is its payload. */
#define caxton_ask(to, text, timeout) caxton_ask_(CAXTON_BYTES(to), CAXTON_BYTES(text), timeout)
static inline caxton_result caxton_ask_(caxton_bytes to, caxton_bytes body, int64_t timeout) {
  return caxton_outcome_(caxton_ask_i(to.data, to.size, body.data, body.size, timeout), false);
}

/* Calls a tool with a JSON object and waits: `data` is its result, JSON. */
#define caxton_call_tool(name, json) caxton_call_tool_(CAXTON_BYTES(name), CAXTON_BYTES(json))
static inline caxton_result caxton_call_tool_(caxton_bytes name, caxton_bytes json) {
  return caxton_data_(caxton_call_tool_i(name.data, name.size, json.data, json.size));
}

/* The same without waiting: `number` is a handle for caxton_wait. Handles end with the turn. */
#define caxton_ask_start(to, text, timeout) caxton_ask_start_(CAXTON_BYTES(to), CAXTON_BYTES(text), timeout)
static inline caxton_result caxton_ask_start_(caxton_bytes to, caxton_bytes body, int64_t timeout) {
  return caxton_number_(caxton_ask_start_i(to.data, to.size, body.data, body.size, timeout));
}
#define caxton_tool_start(name, json, timeout) caxton_tool_start_(CAXTON_BYTES(name), CAXTON_BYTES(json), timeout)
static inline caxton_result caxton_tool_start_(caxton_bytes name, caxton_bytes json, int64_t timeout) {
  return caxton_number_(caxton_tool_start_i(name.data, name.size, json.data, json.size, timeout));
}

/* Waits for the first of up to 64 handles. `number` is its index, and the rest of the result is what it came
 * to, an error perhaps. Where the wait itself failed (CAXTON_TIMEOUT, say) `number` is -1. */
static inline caxton_result caxton_wait(const int32_t *handles, size_t count, int64_t timeout) {
  return caxton_outcome_(caxton_wait_i(handles, count, timeout), true);
}

/* Gives a handle up; a tool's call is cancelled. */
static inline caxton_result caxton_cancel(int32_t handle) { return caxton_done_(caxton_cancel_i(handle)); }

/* The tools that this agent may call, with their input schemas, as a JSON array. */
static inline caxton_result caxton_list_tools(void) { return caxton_data_(caxton_list_tools_i()); }

/* Sends a part of the reply, now. */
#define caxton_emit(text) caxton_emit_(CAXTON_BYTES(text))
static inline caxton_result caxton_emit_(caxton_bytes part) {
  return caxton_done_(caxton_emit_i(part.data, part.size));
}

/* No reply at the end of this turn. `data` is a token for the turn that replies later. */
static inline caxton_result caxton_defer(void) { return caxton_data_(caxton_defer_i()); }

/* Queues the reply that an earlier turn has put off. */
#define caxton_reply_later(token, text) caxton_reply_later_(CAXTON_BYTES(token), CAXTON_BYTES(text))
static inline caxton_result caxton_reply_later_(caxton_bytes token, caxton_bytes body);

/* The agent's own state. It survives restarts. caxton_state_keys gives a JSON array. */
#define caxton_state_get(key) caxton_state_get_(CAXTON_BYTES(key))
static inline caxton_result caxton_state_get_(caxton_bytes key) {
  return caxton_data_(caxton_state_get_i(key.data, key.size));
}
#define caxton_state_put(key, text) caxton_state_put_(CAXTON_BYTES(key), CAXTON_BYTES(text))
static inline caxton_result caxton_state_put_(caxton_bytes key, caxton_bytes value) {
  return caxton_done_(caxton_state_put_i(key.data, key.size, value.data, value.size));
}
#define caxton_state_delete(key) caxton_state_delete_(CAXTON_BYTES(key))
static inline caxton_result caxton_state_delete_(caxton_bytes key) {
  return caxton_done_(caxton_state_delete_i(key.data, key.size));
}
#define caxton_state_keys(prefix) caxton_state_keys_(CAXTON_BYTES(prefix))
static inline caxton_result caxton_state_keys_(caxton_bytes prefix) {
  return caxton_data_(caxton_state_keys_i(prefix.data, prefix.size));
}

/* Queues a message to this agent itself, after `delay`, and every `period` if that is above 0. `number` is its id. */
#define caxton_set_timer(delay, period, text) caxton_set_timer_(delay, period, CAXTON_BYTES(text))
static inline caxton_result caxton_set_timer_(int64_t delay, int64_t period, caxton_bytes message) {
  return caxton_number_(caxton_set_timer_i(delay, period, message.data, message.size));
}
static inline caxton_result caxton_cancel_timer(int32_t id) { return caxton_done_(caxton_cancel_timer_i(id)); }

/* Unix time in milliseconds; nanoseconds since the instance began. Both stand still while a turn computes. */
static inline int64_t caxton_now_ms(void) { return caxton_now_i(); }
static inline int64_t caxton_monotonic_ns(void) { return caxton_monotonic_i(); }

/* Fills memory with random bytes of the host's. */
static inline void caxton_random(void *to, size_t size) {
  for (uint8_t *at = to; size;) {
    size_t part = size < 65536 ? size : 65536; /* the host gives no more at once */
    caxton_random_i(at, part);
    at += part, size -= part;
  }
}

/* Waits, without using the processor. */
static inline caxton_result caxton_sleep_ms(int64_t time) { return caxton_done_(caxton_sleep_i(time)); }

/* ---- A little JSON -------------------------------------------------------------------------------------- *
 * For envelopes, contexts and small results. What is read may be anything: wrong JSON gives nothing, never a trap. */

/* The member of a JSON object, as it is written there; nothing where it is not there. The key must be plain ASCII. */
#define caxton_json_get(json, key) caxton_json_get_(CAXTON_BYTES(json), CAXTON_BYTES(key))
static inline caxton_bytes caxton_json_get_(caxton_bytes json, caxton_bytes key);

/* The text that a JSON string stands for. Nothing for null; anything else as it is written. */
static inline caxton_bytes caxton_json_text(caxton_bytes value);

/* Text (UTF-8) as a JSON string, with its quotes. */
#define caxton_json_string(text) caxton_json_string_(CAXTON_BYTES(text))
static inline caxton_bytes caxton_json_string_(caxton_bytes text);

/* ======================================================================================================== *
 * How it is done. Nothing below is for agents to use.
 * ======================================================================================================== */

#define CAXTON_EXPORT_(name) __attribute__((weak, export_name(#name)))
#define CAXTON_SHARED_ __attribute__((weak))

static inline bool caxton_equal_(caxton_bytes left, caxton_bytes right) {
  return left.size == right.size && (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/* -- text */

typedef struct caxton_writer_ {
  char *to;
  size_t room, size; /* `size` counts on where there is no room: the first pass measures */
} caxton_writer_;

static inline void caxton_write_(caxton_writer_ *out, const char *text, size_t size) {
  size_t room = out->size < out->room ? out->room - out->size : 0;
  if (size && room) memcpy(out->to + out->size, text, size < room ? size : room);
  out->size += size;
}

static inline void caxton_write_number_(caxton_writer_ *out, uint64_t value, unsigned base, bool negative) {
  char digits[24];
  size_t at = sizeof digits;
  do digits[--at] = "0123456789abcdef"[value % base];
  while (value /= base);
  if (negative) digits[--at] = '-';
  caxton_write_(out, digits + at, sizeof digits - at);
}

static inline size_t caxton_print_(char *to, size_t room, const char *format, va_list *arguments) {
  caxton_writer_ out = {to, room, 0};
  for (; *format; format++) {
    if (*format != '%') {
      caxton_write_(&out, format, 1);
      continue;
    }
    const char *began = format++;
    size_t most = SIZE_MAX;
    bool wide = false;
    if (format[0] == '.' && format[1] == '*') {
      int given = va_arg(*arguments, int);
      if (given >= 0) most = (size_t)given;
      format += 2;
    }
    for (; *format == 'l' || *format == 'z'; format++) wide |= format[0] == 'l' && format[1] == 'l';
    if (*format == 's') {
      const char *text = va_arg(*arguments, const char *);
      size_t size = 0;
      while (size < most && (most != SIZE_MAX || text[size])) size++;
      caxton_write_(&out, text, size);
    } else if (*format == 'c') {
      char byte = (char)va_arg(*arguments, int);
      caxton_write_(&out, &byte, 1);
    } else if (*format == 'd' || *format == 'i') {
      int64_t value = wide ? va_arg(*arguments, int64_t) : va_arg(*arguments, int32_t);
      caxton_write_number_(&out, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0);
    } else if (*format == 'u' || *format == 'x' || *format == 'p') {
      uint64_t value = wide ? va_arg(*arguments, uint64_t) : va_arg(*arguments, uint32_t);
      caxton_write_number_(&out, value, *format == 'u' ? 10 : 16, false);
    } else if (*format == '%') {
      caxton_write_(&out, "%", 1);
    } else { /* not one of ours: shown as it is */
      caxton_write_(&out, began, (size_t)(format - began) + (*format != 0));
      if (!*format) break;
    }
  }
  return out.size;
}

_Noreturn static inline void caxton_panic(const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  size_t size = caxton_print_(line, sizeof line, format, &arguments);
  va_end(arguments);
  caxton_log_i(CAXTON_ERROR, line, size < sizeof line ? size : sizeof line);
  __builtin_trap();
}

static inline caxton_bytes caxton_format(const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  size_t size = caxton_print_(NULL, 0, format, &arguments);
  char *text = caxton_take(size + 1);
  caxton_print_(text, size, format, &again);
  text[size] = 0; /* so that it is a C string too */
  va_end(again);
  va_end(arguments);
  return (caxton_bytes){(uint8_t *)text, size};
}

/* -- the heap, where there is no C library: free blocks in a list ordered by address, merged with their neighbours */

#ifdef __wasi__
/* The C library's own would write to standard error, which is a warning in the agent's log, or nothing at all. */
CAXTON_SHARED_ _Noreturn void abort(void) { caxton_panic("abort() was called"); }
CAXTON_SHARED_ _Noreturn void __assert_fail(const char *what, const char *file, int line, const char *function) {
  caxton_panic("%s:%d: %s: assertion failed: %s", file, line, function ? function : "?", what);
}
#else

typedef struct caxton_block_ {
  struct caxton_block_ *next; /* the next free one; in a block that is in use NULL */
  size_t size;                /* with this header, in bytes: a multiple of its own size */
  uint64_t padding;           /* what is given out is aligned to 16 bytes */
} caxton_block_;

extern uint8_t __heap_base; /* set by the linker */
CAXTON_SHARED_ caxton_block_ *caxton_unused_;

CAXTON_SHARED_ void free(void *at) {
  if (!at) return;
  caxton_block_ *block = (caxton_block_ *)at - 1, **link = &caxton_unused_;
  caxton_block_ *before = NULL;
  while (*link && *link < block) before = *link, link = &before->next;
  block->next = *link;
  *link = block;
  if (block->next && (uint8_t *)block + block->size == (uint8_t *)block->next) {
    block->size += block->next->size;
    block->next = block->next->next;
  }
  if (before && (uint8_t *)before + before->size == (uint8_t *)block) {
    before->size += block->size;
    before->next = block->next;
  }
}

static inline bool caxton_grow_(size_t size) {
  static const size_t page = 65536;
  uintptr_t start = __builtin_wasm_memory_size(0) * page, extra = 0;
  static bool begun;
  if (!begun) { /* what the linker has left of the first pages */
    begun = true;
    uintptr_t base = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    extra = start > base ? start - base : 0;
    start = base;
  }
  size_t pages = extra >= size ? 0 : (size - extra + page - 1) / page;
  if (pages && __builtin_wasm_memory_grow(0, pages) == SIZE_MAX) {
    if (extra < sizeof(caxton_block_)) return false;
    pages = 0; /* what was left is kept; the caller looks again, and asks again */
  }
  caxton_block_ *block = (caxton_block_ *)start;
  block->size = extra + pages * page;
  free(block + 1);
  return true;
}

CAXTON_SHARED_ void *malloc(size_t size) {
  if (size > INT32_MAX) return NULL;
  size = (size + 2 * sizeof(caxton_block_) - 1) & ~(sizeof(caxton_block_) - 1);
  do {
    for (caxton_block_ **link = &caxton_unused_; *link; link = &(*link)->next) {
      caxton_block_ *block = *link;
      if (block->size < size) continue;
      if (block->size > size) { /* the front is given out, the rest stays */
        caxton_block_ *rest = (caxton_block_ *)((uint8_t *)block + size);
        rest->size = block->size - size;
        rest->next = block->next;
        block->size = size;
        *link = rest;
      } else {
        *link = block->next;
      }
      block->next = NULL;
      return block + 1;
    }
  } while (caxton_grow_(size));
  return NULL;
}

CAXTON_SHARED_ void *calloc(size_t count, size_t size) {
  size_t all;
  if (__builtin_mul_overflow(count, size, &all)) return NULL;
  void *block = malloc(all);
  return block ? memset(block, 0, all) : NULL;
}

CAXTON_SHARED_ void *realloc(void *block, size_t size) {
  size_t have = block ? ((caxton_block_ *)block - 1)->size - sizeof(caxton_block_) : 0;
  if (block && size <= have) return block;
  void *moved = malloc(size);
  if (moved && block) memcpy(moved, block, have);
  if (moved) free(block);
  return moved;
}

CAXTON_SHARED_ _Noreturn void abort(void) { caxton_panic("abort() was called"); }

/* The compiler calls these whether they are written or not. */
__attribute__((weak, no_builtin)) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  uint8_t *t = to;
  const uint8_t *f = from;
  while (size--) *t++ = *f++;
  return to;
}

__attribute__((weak, no_builtin)) void *memmove(void *to, const void *from, size_t size) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (t < f)
    while (size--) *t++ = *f++;
  else
    while (size--) t[size] = f[size];
  return to;
}

__attribute__((weak, no_builtin)) void *memset(void *to, int byte, size_t size) {
  for (uint8_t *t = to; size; size--) *t++ = (uint8_t)byte;
  return to;
}

__attribute__((weak, no_builtin)) int memcmp(const void *left, const void *right, size_t size) {
  for (const uint8_t *l = left, *r = right; size; size--, l++, r++)
    if (*l != *r) return *l - *r;
  return 0;
}

__attribute__((weak, no_builtin)) size_t strlen(const char *text) { return caxton_length_(text); }

#endif

/* -- memory of the turn: a list of blocks that is freed when the host gives the message back */

typedef struct caxton_taken_ {
  struct caxton_taken_ *next;
  uint64_t padding;
} caxton_taken_;

CAXTON_SHARED_ struct {
  caxton_taken_ *taken;
  const void *message;
  caxton_bytes reply;
} caxton_turn_;

static inline void *caxton_take(size_t size) {
  caxton_taken_ *block = size < INT32_MAX ? malloc(sizeof(caxton_taken_) + size) : NULL;
  if (!block) caxton_panic("out of memory: %zu bytes are not to be had", size);
  block->next = caxton_turn_.taken;
  caxton_turn_.taken = block;
  return block + 1;
}

static inline void caxton_end_turn_(void) {
  while (caxton_turn_.taken) {
    caxton_taken_ *block = caxton_turn_.taken;
    caxton_turn_.taken = block->next;
    free(block);
  }
  caxton_turn_.message = NULL;
  caxton_turn_.reply = (caxton_bytes){NULL, 0};
}

CAXTON_EXPORT_(caxton_alloc) void *caxton_alloc(size_t size) { return malloc(size); }

CAXTON_EXPORT_(caxton_free) void caxton_free(void *block, size_t size) {
  (void)size;
  if (block && block == caxton_turn_.message) caxton_end_turn_(); /* the host frees it last */
  free(block);
}

CAXTON_EXPORT_(handle_message) int32_t caxton_handle_message_(const uint8_t *message, size_t size) {
  caxton_turn_.message = message;
  caxton_reply reply = caxton_handle((caxton_bytes){message, size});
  caxton_turn_.reply = reply.payload;
  return reply.status;
}

CAXTON_EXPORT_(get_response) int32_t caxton_get_response_(uint8_t *to, size_t room) {
  caxton_bytes reply = caxton_turn_.reply;
  if (reply.size && reply.size <= room) memcpy(to, reply.data, reply.size);
  return (int32_t)reply.size;
}

/* -- results */

static inline caxton_bytes caxton_read_(int32_t size) {
  uint8_t *data = caxton_take((size_t)size + 1);
  caxton_read_result_i(data, (size_t)size);
  data[size] = 0; /* so that it is a C string too */
  return (caxton_bytes){data, (size_t)size};
}

/* The last result, where its size is not told before it is read: an error's message, what a handle came to. */
static inline caxton_bytes caxton_said_(void) {
  for (size_t room = 256;; room = 4 * room + 64) {
    uint8_t *data = caxton_take(room + 1);
    size_t size = (size_t)caxton_read_result_i(data, room);
    if (size < room) {
      data[size] = 0;
      return (caxton_bytes){data, size};
    }
    caxton_taken_ *block = caxton_turn_.taken; /* too small: given back at once */
    caxton_turn_.taken = block->next;
    free(block);
  }
}

/* A result with what the host tells about it: read after its data, for telling it takes the data's place. */
static inline caxton_result caxton_told_(int32_t number, caxton_bytes data) {
  caxton_bytes info = caxton_read_(caxton_result_info_i());
  caxton_bytes outcome = caxton_json_get(info, "number");
  int64_t failed = 0; /* what a handle came to may be an error, too: its number is negative */
  if (caxton_cut(&outcome, '-').size == 0) caxton_number(outcome, &failed);
  return (caxton_result){
      .kind = number < 0 ? (caxton_kind)number : (caxton_kind)-failed,
      .number = number < 0 ? -1 : number,
      .data = data,
      .code = (const char *)caxton_json_text(caxton_json_get(info, "code")).data,
      .performative = (const char *)caxton_json_text(caxton_json_get(info, "performative")).data,
      .retryable = caxton_equal(caxton_json_get(info, "retryable"), "true"),
  };
}

static inline caxton_result caxton_number_(int32_t number) {
  if (number < 0) return caxton_told_(number, caxton_said_());
  return (caxton_result){.number = number, .code = "", .performative = ""};
}

static inline caxton_result caxton_done_(int32_t number) { return caxton_number_(number < 0 ? number : 0); }

static inline caxton_result caxton_data_(int32_t number) {
  caxton_result result = caxton_done_(number);
  if (number >= 0) result.data = caxton_read_(number);
  return result;
}

static inline caxton_result caxton_outcome_(int32_t number, bool waited) {
  return caxton_told_(number, number < 0 || waited ? caxton_said_() : caxton_read_(number));
}

static inline caxton_reply caxton_fail_with(caxton_result result) {
  const char *what = *result.code ? result.code : caxton_kind_name(result.kind);
  return caxton_fail(caxton_format("%s: %.*s", what, CAXTON_ARG(result.data)));
}

/* -- JSON: a reader that goes over the text once, without recursion, and trusts nothing */

static inline size_t caxton_json_space_(caxton_bytes json, size_t at) {
  while (at < json.size && (json.data[at] == ' ' || (json.data[at] >= 9 && json.data[at] <= 13))) at++;
  return at;
}

static inline size_t caxton_json_after_string_(caxton_bytes json, size_t at) { /* `at` is that of the first quote */
  for (at++; at < json.size && json.data[at] != '"'; at++)
    if (json.data[at] == '\\') at++;
  return at < json.size ? at + 1 : json.size;
}

static inline size_t caxton_json_after_(caxton_bytes json, size_t at) { /* `at` is where a value begins */
  size_t depth = 0;
  while (at < json.size) {
    uint8_t byte = json.data[at];
    if (byte == '"') {
      at = caxton_json_after_string_(json, at);
    } else if (depth == 0 && (byte == ',' || byte == ']' || byte == '}' || byte <= ' ')) {
      return at;
    } else {
      depth += byte == '{' || byte == '[';
      depth -= byte == '}' || byte == ']';
      at++;
    }
  }
  return json.size;
}

static inline caxton_bytes caxton_json_get_(caxton_bytes json, caxton_bytes key) {
  size_t at = caxton_json_space_(json, 0);
  if (at >= json.size || json.data[at] != '{') return (caxton_bytes){NULL, 0};
  for (at++;; at++) { /* past the brace, or a comma */
    size_t name = caxton_json_space_(json, at);
    if (name >= json.size || json.data[name] != '"') break;
    size_t end = caxton_json_after_string_(json, name);
    size_t colon = caxton_json_space_(json, end);
    if (colon >= json.size || json.data[colon] != ':') break;
    size_t value = caxton_json_space_(json, colon + 1);
    at = caxton_json_after_(json, value);
    bool same = caxton_equal_((caxton_bytes){json.data + name + 1, end - name - 2}, key);
    if (same) return (caxton_bytes){json.data + value, at - value};
    at = caxton_json_space_(json, at);
    if (at >= json.size || json.data[at] != ',') break;
  }
  return (caxton_bytes){NULL, 0};
}

static inline bool caxton_json_hex_(caxton_bytes text, size_t at, uint32_t *code) { /* \uXXXX */
  if (at + 6 > text.size || text.data[at] != '\\' || text.data[at + 1] != 'u') return false;
  *code = 0;
  for (size_t i = at + 2; i < at + 6; i++) {
    uint8_t digit = text.data[i], letter = digit | 32;
    if (digit >= '0' && digit <= '9')
      digit -= '0';
    else if (letter >= 'a' && letter <= 'f')
      digit = letter - 'a' + 10;
    else
      return false;
    *code = *code << 4 | digit;
  }
  return true;
}

static inline size_t caxton_json_utf8_(uint8_t *to, uint32_t code) {
  if (code < 0x80) return to[0] = (uint8_t)code, 1;
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
  to[0] = (uint8_t)(first[more] | code >> (6 * more));
  for (size_t i = 1; i <= more; i++) to[i] = (uint8_t)(0x80 | (code >> (6 * (more - i)) & 0x3f));
  return more + 1;
}

static inline caxton_bytes caxton_json_text(caxton_bytes value) {
  uint8_t *text = caxton_take(value.size + 1); /* never longer than what stands for it */
  size_t size = 0;
  if (value.size < 2 || value.data[0] != '"' || value.data[value.size - 1] != '"') {
    if (value.size && !caxton_equal(value, "null")) memcpy(text, value.data, size = value.size);
    value.size = 0;
  }
  for (size_t at = 1; at + 1 < value.size; at++) {
    uint32_t code, low;
    if (caxton_json_hex_(value, at, &code)) {
      at += 5;
      if (code >> 10 == 0xd800 >> 10 && caxton_json_hex_(value, at + 1, &low) && low >> 10 == 0xdc00 >> 10) {
        code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
        at += 6;
      }
      size += caxton_json_utf8_(text + size, code >> 11 == 0xd800 >> 11 ? 0xfffd : code);
    } else if (value.data[at] == '\\') {
      static const char from[] = "ntrbf", to[] = "\n\t\r\b\f";
      uint8_t byte = value.data[++at];
      text[size] = byte; /* a quote or a slash is itself */
      for (size_t i = 0; from[i]; i++)
        if (byte == (uint8_t)from[i]) text[size] = (uint8_t)to[i];
      size++;
    } else {
      text[size++] = value.data[at];
    }
  }
  text[size] = 0; /* so that it is a C string too */
  return (caxton_bytes){text, size};
}

static inline caxton_bytes caxton_json_string_(caxton_bytes text) {
  if (text.size > INT32_MAX / 6 - 3) caxton_panic("a text of %zu bytes is too long for JSON", text.size);
  uint8_t *json = caxton_take(6 * text.size + 3), *to = json;
  *to++ = '"';
  for (size_t i = 0; i < text.size; i++) {
    uint8_t byte = text.data[i];
    if (byte < 0x20 || byte == 0x7f) {
      memcpy(to, "\\u00", 4);
      to[4] = (uint8_t)('0' + (byte >> 4));
      to[5] = (uint8_t)"0123456789abcdef"[byte & 15];
      to += 6;
      continue;
    }
    if (byte == '"' || byte == '\\') *to++ = '\\';
    *to++ = byte;
  }
  *to++ = '"';
  *to = 0;
  return (caxton_bytes){json, (size_t)(to - json)};
}

static inline caxton_result caxton_reply_later_(caxton_bytes token, caxton_bytes body) {
  caxton_bytes text = caxton_json_string(token);
  return caxton_send(caxton_format("{\"performative\":\"inform\",\"in-reply-to\":%.*s}", CAXTON_ARG(text)), body);
}

#endif
