/* The conformance agent against the bare ABI: no SDK, no libc. docs/reference/conformance.md says what it has to do.
 *
 * It has faults, too, one for each number: agents.py puts another number into the module, and the suite must notice
 * (test_mutants.py). 255 is none.
 */
typedef unsigned char u8;
typedef int i32;
typedef unsigned u32;
typedef long long i64;

static volatile struct {
  u8 mark[15], fault;
} chosen = {"fault number: ", 255};

#define WRONG chosen.fault

#define CALL(name, ...) __attribute__((import_module("caxton"), import_name(#name))) extern __VA_ARGS__
CALL(log, void host_log(i32, const void *, u32));
CALL(read_result, i32 host_read_result(void *, u32));
CALL(result_info, i32 host_result_info(void));
CALL(context, i32 host_context(void));
CALL(envelope, i32 host_envelope(void));
CALL(tell, i32 host_tell(const void *, u32, const void *, u32));
CALL(send_envelope, i32 host_send(const void *, u32, const void *, u32));
CALL(publish, i32 host_publish(const void *, u32, const void *, u32));
CALL(subscribe, i32 host_subscribe(const void *, u32));
CALL(unsubscribe, i32 host_unsubscribe(const void *, u32));
CALL(ask, i32 host_ask(const void *, u32, const void *, u32, i64));
CALL(call_tool, i32 host_call_tool(const void *, u32, const void *, u32));
CALL(ask_start, i32 host_ask_start(const void *, u32, const void *, u32, i64));
CALL(tool_start, i32 host_tool_start(const void *, u32, const void *, u32, i64));
CALL(wait, i32 host_wait(const i32 *, u32, i64));
CALL(cancel, i32 host_cancel(i32));
CALL(list_tools, i32 host_list_tools(void));
CALL(emit, i32 host_emit(const void *, u32));
CALL(defer, i32 host_defer(void));
CALL(state_get, i32 host_get(const void *, u32));
CALL(state_put, i32 host_put(const void *, u32, const void *, u32));
CALL(state_delete, i32 host_delete(const void *, u32));
CALL(state_keys, i32 host_keys(const void *, u32));
CALL(set_timer, i32 host_set_timer(i64, i64, const void *, u32));
CALL(cancel_timer, i32 host_cancel_timer(i32));
CALL(now_ms, i64 host_now(void));
CALL(monotonic_ns, i64 host_monotonic(void));
CALL(random, void host_random(void *, u32));
CALL(sleep_ms, i32 host_sleep(i64));

/* ---- memory: what a turn takes is free again when the host has freed what is its own */

extern u8 __heap_base;
static u32 top, live;

static void *take(u32 size) {
  if (!top) top = (u32)&__heap_base;
  u32 at = (top + 15) & ~15u, end = at + size, have = __builtin_wasm_memory_size(0) << 16;
  if (end < at) __builtin_trap();
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) >> 16) == (u32)-1) __builtin_trap();
  top = end;
  return (void *)at;
}

__attribute__((export_name("caxton_alloc"))) void *caxton_alloc(u32 size) {
  live++;
  return take(size);
}

__attribute__((export_name("caxton_free"))) void caxton_free(void *at, u32 size) {
  if (!--live && WRONG != 1) top = 0;
}

void *memcpy(void *to, const void *from, unsigned long size) {
  u8 *a = to;
  const u8 *b = from;
  while (size--) *a++ = *b++;
  return to;
}

void *memset(void *to, int value, unsigned long size) {
  u8 *a = to;
  while (size--) *a++ = (u8)value;
  return to;
}

/* ---- text */

typedef struct {
  const u8 *at;
  u32 size;
} span;

static u32 length(const char *text) {
  u32 n = 0;
  while (text[n]) n++;
  return n;
}

static span text(const char *chars) { return (span){(const u8 *)chars, length(chars)}; }

static int same(span a, const char *b) {
  if (a.size != length(b)) return 0;
  for (u32 i = 0; i < a.size; i++)
    if (a.at[i] != (u8)b[i]) return 0;
  return 1;
}

static span join(const span *parts, u32 count) {
  u32 size = 0;
  for (u32 i = 0; i < count; i++) size += parts[i].size;
  u8 *to = take(size), *at = to;
  for (u32 i = 0; i < count; i++) {
    __builtin_memcpy(at, parts[i].at, parts[i].size);
    at += parts[i].size;
  }
  return (span){to, size};
}

#define JOIN(...) join((span[]){__VA_ARGS__}, sizeof((span[]){__VA_ARGS__}) / sizeof(span))

static span decimal(i64 value) {
  u8 *end = (u8 *)take(24) + 24, *at = end;
  do *--at = '0' + (u8)(value % 10);
  while (value /= 10);
  return (span){at, (u32)(end - at)};
}

static i64 number(span digits) {
  i64 value = 0;
  for (u32 i = 0; i < digits.size; i++) value = value * 10 + (digits.at[i] - '0');
  return value;
}

/* Cuts off what comes before the first `at`; all of it, where there is none. */
static span cut(span *rest, u8 at) {
  u32 n = 0;
  while (n < rest->size && rest->at[n] != at) n++;
  span found = {rest->at, n};
  u32 skip = n < rest->size ? n + 1 : n;
  *rest = (span){rest->at + skip, rest->size - skip};
  return found;
}

/* ---- results */

static span result(void) {
  u32 room = 2 << 20; /* whatever fits through */
  u8 *to = take(room);
  u32 size = (u32)host_read_result(to, room);
  top = (u32)to + size; /* and what it did not need is free again */
  return (span){to, size};
}

/* The value of a key of JSON without spaces that holds a text; `otherwise` where it holds none. */
static span value_of(span json, const char *key, const char *otherwise) {
  u32 n = length(key);
  for (u32 i = 0; i + n + 4 < json.size; i++) {
    if (json.at[i] != '"' || json.at[i + n + 1] != '"' || !same((span){json.at + i + 1, n}, key)) continue;
    u32 at = i + n + 2;
    while (at < json.size && (json.at[at] == ':' || json.at[at] == ' ')) at++;
    if (at >= json.size || json.at[at] != '"') break;
    span rest = {json.at + at + 1, json.size - at - 1};
    return cut(&rest, '"');
  }
  return text(otherwise);
}

static const char *KINDS[] = {"",       "not-found", "denied", "bad-argument", "limit",   "timeout",
                              "failed", "cycle",     "mailbox-full", "unknown", "stopped"};

static span refused(i32 number) {
  span data = result();
  host_result_info();
  span code = value_of(result(), "code", "-");
  u32 kind = (u32)-number;
  if (WRONG == 2) kind = 6;
  if (WRONG == 3) code = text("-");
  return JOIN(text("error "), text(KINDS[kind]), text(" "), code, text("\n"), data);
}

static span told(i32 number) { return number < 0 ? refused(number) : text("ok"); }
static span given(i32 number) { return number < 0 ? refused(number) : result(); }


static span outcome(span before) {
  span data = result();
  host_result_info();
  span info = result();
  span code = value_of(info, "code", "");
  if (!code.size) return JOIN(before, data);
  /* The number stands in the JSON as "number":-6 */
  for (u32 i = 0; i + 10 < info.size; i++)
    if (same((span){info.at + i, 9}, "\"number\":")) {
      u32 at = i + 9;
      while (info.at[at] == ' ') at++;
      if (info.at[at] != '-') break;
      span rest = {info.at + at + 1, info.size - at - 1}, digits = rest;
      digits.size = 0;
      while (digits.size < rest.size && rest.at[digits.size] >= '0' && rest.at[digits.size] <= '9') digits.size++;
      return JOIN(text("error "), text(KINDS[number(digits)]), text(" "), code, text("\n"), data);
    }
  return JOIN(before, data);
}

/* ---- commands */

static span answer;
static i32 status;
static i32 counter;

static span handle(span message);

static span ask(span to, span timeout, span body) {
  i32 size = host_ask(to.at, to.size, body.at, body.size, number(timeout));
  if (size < 0) return refused(size);
  span payload = result();
  host_result_info();
  span performative = value_of(result(), "performative", "?");
  return JOIN(performative, text("\n"), payload);
}

static span race(span names, span timeout, span body, int tools) {
  i32 handles[64];
  u32 count = 0;
  while (names.size && count < 64) {
    span name = cut(&names, ' ');
    i64 time = number(timeout);
    i32 handle = tools ? host_tool_start(name.at, name.size, body.at, body.size, time)
                       : host_ask_start(name.at, name.size, body.at, body.size, time);
    if (handle < 0) return refused(handle);
    handles[count++] = handle;
  }
  i32 index = host_wait(handles, count, number(timeout));
  if (index < 0) return refused(index);
  if (WRONG == 4) index = 0;
  return outcome(JOIN(decimal(index), text("\n")));
}

static span gather(span names, span timeout, span body) {
  i32 handles[64];
  u32 places[64], count = 0, all;
  span answers[129];
  while (names.size && count < 64) {
    span name = cut(&names, ' ');
    i32 handle = host_ask_start(name.at, name.size, body.at, body.size, number(timeout));
    if (handle < 0) return refused(handle);
    places[count] = count;
    handles[count++] = handle;
  }
  all = count;
  while (count) {
    i32 index = host_wait(handles, count, number(timeout));
    if (index < 0) return refused(index);
    span found = outcome(text(""));
    if (found.size > 6 && same((span){found.at, 6}, "error ")) return found;
    answers[2 * (WRONG == 5 ? all - count : places[index])] = found;
    count--;
    handles[index] = handles[count];
    places[index] = places[count];
  }
  for (u32 i = 0; i + 1 < all; i++) answers[2 * i + 1] = text("\n");
  return all ? join(answers, 2 * all - 1) : text("");
}

static span cancel(span to, span body, int twice) {
  i32 handle = host_ask_start(to.at, to.size, body.at, body.size, 60000);
  if (handle < 0) return refused(handle);
  i32 first = WRONG == 6 ? 0 : host_cancel(handle);
  if (first < 0) return refused(first);
  if (twice) return told(host_cancel(handle));
  i32 index = host_wait(&handle, 1, 60000);
  return index < 0 ? refused(index) : outcome(text(""));
}

static span defer(void) {
  i32 size = host_defer();
  if (size < 0) return refused(size);
  span token = result();
  host_put("token", 5, token.at, token.size);
  return text("");
}

static span resume(span body) {
  i32 size = host_get("token", 5);
  if (size < 0) return refused(size);
  span token = result();
  span meta = JOIN(text("{\"performative\":\"inform\",\"in-reply-to\":\""), token, text("\"}"));
  return told(host_send(meta.at, meta.size, body.at, body.size));
}

static span then(span size, span body) {
  span first = {body.at, (u32)number(size)}, second = {body.at + first.size, body.size - first.size};
  span one = handle(first);
  if (status) return one;
  span two = handle(second);
  return status ? two : JOIN(one, text("\n"), two);
}

static span emit(span times, span body) {
  for (i64 n = number(times); n > 0; n--) {
    i32 number = host_emit(body.at, body.size);
    if (number < 0) return refused(number);
  }
  return text("done");
}

static span repeat(span times, span body) {
  i64 count = number(times);
  u8 *to = take((u32)count * body.size), *at = to;
  for (i64 n = 0; n < count; n++, at += body.size) __builtin_memcpy(at, body.at, body.size);
  return (span){to, (u32)count * body.size};
}

static u32 level(span name) {
  static const char *LEVELS[] = {"trace", "debug", "info", "warning", "error"};
  for (u32 i = 0; i < 5; i++)
    if (same(name, LEVELS[i])) return i;
  return 2;
}

static span random(span size) {
  u32 count = (u32)number(size);
  u8 *to = take(count);
  if (WRONG != 7) host_random(to, count);
  return (span){to, count};
}

static span fail(span body) {
  status = 1;
  return body;
}

static span messages(span command, span rest, span body, int *known) {
  *known = 1;
  if (same(command, "tell")) return told(host_tell(rest.at, rest.size, body.at, WRONG == 8 ? 0 : body.size));
  if (same(command, "send")) {
    u32 meta = (u32)number(rest);
    return told(host_send(body.at, meta, body.at + meta, body.size - meta));
  }
  if (same(command, "publish")) return told(host_publish(rest.at, rest.size, body.at, body.size));
  if (same(command, "subscribe")) return WRONG == 9 ? text("ok") : told(host_subscribe(rest.at, rest.size));
  if (same(command, "unsubscribe")) return told(host_unsubscribe(rest.at, rest.size));
  if (same(command, "cancel")) return cancel(rest, body, 0);
  if (same(command, "cancel-twice")) return cancel(rest, body, 1);
  if (same(command, "call")) return given(host_call_tool(rest.at, rest.size, body.at, body.size));
  if (same(command, "tools")) return given(host_list_tools());
  if (same(command, "defer")) return WRONG == 10 ? text("") : defer();
  if (same(command, "resume")) return resume(body);
  span first = cut(&rest, ' ');
  if (same(command, "ask")) return ask(first, rest, body);
  if (same(command, "race")) return race(rest, first, body, 0);
  if (same(command, "tools-race")) return race(rest, first, body, 1);
  if (same(command, "gather")) return gather(rest, first, body);
  if (same(command, "emit")) return WRONG == 11 ? text("done") : emit(first, body);
  *known = 0;
  return (span){0, 0};
}

static span keeping(span command, span rest, span body, int *known) {
  *known = 1;
  if (same(command, "get")) return given(host_get(rest.at, rest.size));
  if (same(command, "put")) return told(WRONG == 12 ? 0 : host_put(rest.at, rest.size, body.at, body.size));
  if (same(command, "delete")) return told(host_delete(rest.at, rest.size));
  if (same(command, "keys")) return given(host_keys(rest.at, rest.size));
  if (same(command, "untimer")) return told(host_cancel_timer((i32)number(rest)));
  if (same(command, "sleep")) return told(WRONG == 13 ? 0 : host_sleep(number(rest)));
  if (same(command, "now")) return decimal(host_now());
  if (same(command, "monotonic")) return decimal(host_monotonic());
  if (same(command, "random")) return random(rest);
  if (same(command, "context")) return WRONG == 28 ? text("{}") : given(host_context());
  if (same(command, "envelope")) return given(WRONG == 25 ? host_context() : host_envelope());
  if (same(command, "log")) {
    host_log(WRONG == 14 ? 2 : (i32)level(rest), body.at, body.size);
    return text("");
  }
  if (same(command, "print")) {
    host_log(2, body.at, body.size);
    return text("");
  }
  if (same(command, "timer")) {
    i64 delay = number(cut(&rest, ' ')), period = number(rest);
    i32 id = host_set_timer(delay, WRONG == 15 ? 0 : period, body.at, body.size);
    return id < 0 ? refused(id) : decimal(id);
  }
  *known = 0;
  return (span){0, 0};
}

static span echo(span body) {
  if (WRONG == 16) { /* text ends at a NUL */
    u32 n = 0;
    while (n < body.size && body.at[n]) n++;
    return (span){body.at, n};
  }
  if (WRONG == 17) { /* and has no bytes but ASCII's */
    u8 *to = take(body.size);
    for (u32 i = 0; i < body.size; i++) to[i] = body.at[i] < 128 ? body.at[i] : '?';
    return (span){to, body.size};
  }
  if (WRONG == 18 && body.size > 65536) body.size = 65536;
  if (WRONG == 26 && body.size > 2 && body.at[0] == 0xEF && body.at[1] == 0xBB && body.at[2] == 0xBF)
    return (span){body.at + 3, body.size - 3}; /* as decoders do that look for a byte order mark */
  if (WRONG == 27 && !body.size) return answer; /* what is empty is as it was before */
  return body;
}

static span simple(span command, span rest, span body) {
  if (same(command, "conformance")) return text("caxton-conformance 1 reference");
  if (same(command, "echo")) return echo(body);
  if (same(command, "empty")) return text("");
  if (same(command, "repeat")) return repeat(rest, body);
  if (same(command, "fail")) return WRONG == 19 ? body : fail(body);
  if (same(command, "panic")) {
    if (WRONG != 20) host_log(4, body.at, body.size);
    if (WRONG == 21) return fail(body);
    __builtin_trap();
  }
  if (same(command, "spin"))
    for (volatile u32 n = 0; WRONG != 22;) n++;
  if (same(command, "eat"))
    for (; WRONG != 23;) ((volatile u8 *)take(65536))[0] = 1;
  if (same(command, "count")) {
    if (WRONG == 24) counter = 0;
    return decimal(++counter);
  }
  if (same(command, "then")) return then(rest, body);
  return fail(JOIN(text("unknown command: "), command));
}

static span handle(span message) {
  span body = message, line = cut(&body, '\n'), rest = line, command = cut(&rest, ' ');
  int known;
  span found = messages(command, rest, body, &known);
  if (!known) found = keeping(command, rest, body, &known);
  return known ? found : simple(command, rest, body);
}

__attribute__((export_name("handle_message"))) i32 handle_message(const u8 *at, u32 size) {
  status = 0;
  answer = handle((span){at, size});
  return status;
}

__attribute__((export_name("get_response"))) i32 get_response(u8 *to, u32 size) {
  if (answer.size <= size) __builtin_memcpy(to, answer.at, answer.size);
  return (i32)answer.size;
}
