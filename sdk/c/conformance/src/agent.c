/* The conformance agent: does what a message's first line says (docs/reference/conformance.md). */
#include "caxton.h"
#ifdef __wasi__
#include <stdio.h>
#endif

#define MOST 64 /* handles that one wait takes */

typedef struct request {
  caxton_bytes command, rest, body; /* `rest` is the arguments that have not been taken yet */
} request;

static caxton_bytes word(request *the) { return caxton_cut(&the->rest, ' '); }

static int64_t number(request *the) {
  int64_t value = 0;
  caxton_number(word(the), &value);
  return value;
}

static caxton_reply error(caxton_result result) {
  return caxton_ok(caxton_format("error %s %s\n%.*s", caxton_kind_name(result.kind), *result.code ? result.code : "-",
                                 CAXTON_ARG(result.data)));
}

static caxton_reply done(caxton_result result, const char *answer) {
  return result.kind ? error(result) : caxton_ok(answer);
}
static caxton_reply data(caxton_result result) { return result.kind ? error(result) : caxton_ok(result.data); }

static caxton_reply decimal(long long value) { return caxton_ok(caxton_format("%lld", value)); }

static caxton_bytes after(caxton_bytes bytes, size_t size) {
  if (size > bytes.size) caxton_panic("%zu bytes of %zu", size, bytes.size);
  return (caxton_bytes){bytes.data + size, bytes.size - size};
}

static caxton_bytes joined(caxton_bytes first, const char *between, caxton_bytes second) {
  return caxton_format("%.*s%s%.*s", CAXTON_ARG(first), between, CAXTON_ARG(second));
}

/* -- commands */

static caxton_reply repeat(request *the) {
  size_t times = (size_t)number(the);
  uint8_t *all = caxton_take(times * the->body.size);
  for (size_t i = 0; i < times; i++) memcpy(all + i * the->body.size, the->body.data, the->body.size);
  return caxton_ok(((caxton_bytes){all, times * the->body.size}));
}

static caxton_reply spin(request *the) {
  (void)the;
  for (volatile size_t i = 0;; i++) {
  }
}

static caxton_reply eat(request *the) {
  static void **last;
  (void)the;
  for (void **block; (block = malloc(60000)); last = block) *block = last;
  caxton_panic("out of memory");
}

static caxton_reply count(request *the) {
  static long long counted;
  (void)the;
  return decimal(++counted);
}

static caxton_reply write_log(request *the) {
  static const char *const names[] = {"trace", "debug", "info", "warning", "error"};
  caxton_bytes name = word(the);
  for (int level = CAXTON_TRACE; level <= CAXTON_ERROR; level++)
    if (caxton_equal(name, names[level])) caxton_log((caxton_level)level, the->body);
  return caxton_nothing();
}

static caxton_reply print(request *the) {
#ifdef __wasi__
  printf("%.*s\n", CAXTON_ARG(the->body));
  fflush(stdout);
#else
  caxton_log(CAXTON_INFO, the->body);
#endif
  return caxton_nothing();
}

static caxton_reply send(request *the) {
  caxton_bytes payload = after(the->body, (size_t)number(the));
  return done(caxton_send(((caxton_bytes){the->body.data, the->body.size - payload.size}), payload), "ok");
}

static caxton_reply ask(request *the) {
  caxton_bytes to = word(the);
  caxton_result reply = caxton_ask(to, the->body, number(the));
  return reply.kind ? error(reply) : caxton_ok(joined(caxton_from_text_(reply.performative), "\n", reply.data));
}

/* Starts one ask or call for each of the remaining arguments. */
static caxton_result start(request *the, bool tools, int64_t timeout, int32_t *handles, size_t *size) {
  caxton_result started = {.code = ""};
  for (*size = 0; the->rest.size && *size < MOST && !started.kind; handles[(*size)++] = started.number) {
    caxton_bytes to = word(the);
    started = tools ? caxton_tool_start(to, the->body, timeout) : caxton_ask_start(to, the->body, timeout);
  }
  return started;
}

static caxton_reply race_of(request *the, bool tools) {
  int32_t handles[MOST];
  size_t size;
  int64_t timeout = number(the);
  caxton_result result = start(the, tools, timeout, handles, &size);
  if (!result.kind) result = caxton_wait(handles, size, timeout);
  return result.kind ? error(result) : caxton_ok(caxton_format("%d\n%.*s", result.number, CAXTON_ARG(result.data)));
}

static caxton_reply race(request *the) { return race_of(the, false); }
static caxton_reply tools_race(request *the) { return race_of(the, true); }

static caxton_reply gather(request *the) {
  int32_t handles[MOST], places[MOST];
  caxton_bytes answers[MOST], all = {NULL, 0};
  size_t size;
  int64_t timeout = number(the);
  caxton_result result = start(the, false, timeout, handles, &size);
  if (result.kind) return error(result);
  for (size_t i = 0; i < size; i++) places[i] = (int32_t)i;
  for (size_t open = size; open;) {
    result = caxton_wait(handles, open, timeout);
    if (result.kind) return error(result);
    answers[places[result.number]] = result.data;
    handles[result.number] = handles[--open];
    places[result.number] = places[open];
  }
  for (size_t i = 0; i < size; i++) all = joined(all, i ? "\n" : "", answers[i]);
  return caxton_ok(all);
}

static caxton_reply cancel(request *the) {
  caxton_result started = caxton_ask_start(word(the), the->body, 60000);
  if (started.kind) return error(started);
  caxton_cancel(started.number);
  return data(caxton_wait(&started.number, 1, 1000));
}

static caxton_reply cancel_twice(request *the) {
  caxton_result started = caxton_ask_start(word(the), the->body, 60000);
  if (started.kind) return error(started);
  caxton_cancel(started.number);
  return done(caxton_cancel(started.number), "ok");
}

static caxton_reply emit(request *the) {
  for (int64_t left = number(the); left > 0; left--) {
    caxton_result sent = caxton_emit(the->body);
    if (sent.kind) return error(sent);
  }
  return caxton_ok("done");
}

static caxton_reply defer(request *the) {
  (void)the;
  caxton_result envelope = caxton_envelope(), token = caxton_defer();
  if (token.kind || envelope.kind) return error(token.kind ? token : envelope);
  caxton_result kept = caxton_state_put("token", token.data);
  if (!kept.kind) kept = caxton_state_put("asker", caxton_json_text(caxton_json_get(envelope.data, "sender")));
  return done(kept, "");
}

static caxton_reply resume(request *the) {
  caxton_result token = caxton_state_get("token");
  return token.kind ? error(token) : done(caxton_reply_later(token.data, the->body), "ok");
}

static caxton_reply timer(request *the) {
  int64_t delay = number(the);
  caxton_result set = caxton_set_timer(delay, number(the), the->body);
  return set.kind ? error(set) : decimal(set.number);
}

static caxton_reply random_bytes(request *the) {
  size_t size = (size_t)number(the);
  uint8_t *bytes = caxton_take(size);
  caxton_random(bytes, size);
  return caxton_ok(((caxton_bytes){bytes, size}));
}

static caxton_reply then(request *the) {
  caxton_bytes second = after(the->body, (size_t)number(the));
  caxton_reply first = caxton_handle((caxton_bytes){the->body.data, the->body.size - second.size});
  if (first.status) return first;
  caxton_reply last = caxton_handle(second);
  return last.status ? last : caxton_ok(joined(first.payload, "\n", last.payload));
}

static caxton_reply conformance(request *the) { return (void)the, caxton_ok("caxton-conformance 1 c"); }
static caxton_reply echo(request *the) { return caxton_ok(the->body); }
static caxton_reply empty(request *the) { return (void)the, caxton_nothing(); }
static caxton_reply fail(request *the) { return caxton_fail(the->body); }
static caxton_reply panic(request *the) { caxton_panic("%.*s", CAXTON_ARG(the->body)); }
static caxton_reply context(request *the) { return (void)the, data(caxton_context()); }
static caxton_reply envelope(request *the) { return (void)the, data(caxton_envelope()); }
static caxton_reply tell(request *the) { return done(caxton_tell(word(the), the->body), "ok"); }
static caxton_reply publish(request *the) { return done(caxton_publish(word(the), the->body), "ok"); }
static caxton_reply subscribe(request *the) { return done(caxton_subscribe(word(the)), "ok"); }
static caxton_reply unsubscribe(request *the) { return done(caxton_unsubscribe(word(the)), "ok"); }
static caxton_reply call(request *the) { return data(caxton_call_tool(word(the), the->body)); }
static caxton_reply tools(request *the) { return (void)the, data(caxton_list_tools()); }
static caxton_reply get(request *the) { return data(caxton_state_get(word(the))); }
static caxton_reply put(request *the) { return done(caxton_state_put(word(the), the->body), "ok"); }
static caxton_reply delete(request *the) { return done(caxton_state_delete(word(the)), "ok"); }
static caxton_reply keys(request *the) { return data(caxton_state_keys(word(the))); }
static caxton_reply untimer(request *the) { return done(caxton_cancel_timer((int32_t)number(the)), "ok"); }
static caxton_reply now(request *the) { return (void)the, decimal(caxton_now_ms()); }
static caxton_reply monotonic(request *the) { return (void)the, decimal(caxton_monotonic_ns()); }
static caxton_reply sleep(request *the) { return done(caxton_sleep_ms(number(the)), "ok"); }

/* -- which command is which */

static const struct {
  const char *name;
  caxton_reply (*run)(request *);
} commands[] = {
    {"conformance", conformance}, {"echo", echo}, {"empty", empty}, {"repeat", repeat}, {"fail", fail},
    {"panic", panic}, {"spin", spin}, {"eat", eat}, {"count", count}, {"log", write_log}, {"print", print},
    {"context", context}, {"envelope", envelope}, {"tell", tell}, {"send", send}, {"publish", publish},
    {"subscribe", subscribe}, {"unsubscribe", unsubscribe}, {"ask", ask}, {"call", call}, {"race", race},
    {"tools-race", tools_race}, {"gather", gather}, {"cancel", cancel}, {"cancel-twice", cancel_twice},
    {"tools", tools}, {"emit", emit}, {"defer", defer}, {"resume", resume}, {"get", get}, {"put", put},
    {"delete", delete}, {"keys", keys}, {"timer", timer}, {"untimer", untimer}, {"now", now},
    {"monotonic", monotonic}, {"random", random_bytes}, {"sleep", sleep}, {"then", then},
};

caxton_reply caxton_handle(caxton_bytes message) {
  request the = {.body = message};
  the.rest = caxton_cut(&the.body, '\n');
  the.command = word(&the);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (caxton_equal(the.command, commands[i].name)) return commands[i].run(&the);
  return caxton_fail(joined(CAXTON_BYTES("unknown command: "), "", the.command));
}
