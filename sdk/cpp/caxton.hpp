// caxton.hpp: write a Caxton agent in C++. Include it, and define
//
//     caxton::result<std::string> caxton::handle(std::string_view message) {
//       if (message.empty()) return caxton::fail("whom shall I greet?");
//       return "hello, " + std::string(message);
//     }
//
// That is an agent: one function from message to reply. Payloads are any bytes, in std::string and std::string_view.
//
// Errors.   There are no exceptions here. A host call returns a caxton::result, which is std::expected with a
//           caxton::error. CAXTON_TRY(call) is the call's value, or returns its error from the function around it.
//           An error that `handle` returns is the agent's failure, and nothing that the turn has queued happens.
// Memory.   What is returned is owned: nothing has to be freed. A caxton::pending that goes out of scope is given up.
// Panics.   caxton::panic(), a failed assert(), abort(), and what would be an exception elsewhere (std::vector::at, no
//           memory) write their message to the agent's log and trap: a new instance takes the next message.
//
// C++23, libc++ and clang's attributes for WebAssembly are needed. Any number of source files may include it.
#pragma once

#include <cassert>
#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// ---- Giving up --------------------------------------------------------------------------------------------------
// What the C and the C++ library would write to standard error goes to the agent's log. This stands first: a linker
// that meets malloc before this abort takes the library's.

extern "C" __attribute__((import_module("caxton"), import_name("log")))
void caxton_i_log(int, const char *, std::size_t);

namespace caxton::detail {

struct line {
  char text[512];
  std::size_t size = 0;
  void add(const char *more) {
    for (; *more && size < sizeof text; more++)
      if (*more != '\n') text[size++] = *more;
  }
  void add(unsigned number) {
    if (number > 9) add(number / 10);
    const char digit[] = {static_cast<char>('0' + number % 10), 0};
    add(digit);
  }
  [[noreturn]] void give_up() {
    caxton_i_log(4, text, size);
    __builtin_trap();
  }
};

}  // namespace caxton::detail

extern "C" {

__attribute__((weak, noreturn)) void abort() {
  caxton::detail::line line;
  line.add("abort() was called");
  line.give_up();
}

__attribute__((weak, noreturn)) void __assert_fail(const char *what, const char *file, int number, const char *in) {
  caxton::detail::line line;
  line.add(file);
  line.add(":");
  line.add(static_cast<unsigned>(number));
  line.add(": ");
  line.add(in ? in : "?");
  line.add(": assertion failed: ");
  line.add(what);
  line.give_up();
}

}  // extern "C"

// What would be an exception, and the library's own checks. Of formats libc++ uses no other than %s here.
_LIBCPP_BEGIN_NAMESPACE_STD
__attribute__((weak, noreturn)) void __libcpp_verbose_abort(const char *format, ...) noexcept {
  caxton::detail::line line;
  va_list arguments;
  va_start(arguments, format);
  for (; *format; format++) {
    const char byte[] = {*format, 0};
    if (format[0] != '%' || format[1] != 's') {
      line.add(byte);
      continue;
    }
    line.add(va_arg(arguments, const char *));
    format++;
  }
  va_end(arguments);
  line.give_up();
}
_LIBCPP_END_NAMESPACE_STD

namespace caxton {

using milliseconds = std::chrono::milliseconds;

// What went wrong. The negative numbers are the host's.
enum class kind : std::int32_t {
  refused = 1,  // the agent itself says so: caxton::fail
  not_found = -1,
  denied = -2,
  bad_argument = -3,
  limit = -4,
  timeout = -5,
  failed = -6,  // the other side refused, failed or trapped: `data` is what it said
  cycle = -7,
  mailbox_full = -8,
  unknown = -9,
  stopped = -10,
};

// What a kind is called: "not-found", "denied", ...
inline std::string_view name_of(kind kind) {
  constexpr std::string_view names[] = {"refused", "not-found", "denied",       "bad-argument", "limit",  "timeout",
                                        "failed",  "cycle",     "mailbox-full", "unknown",      "stopped"};
  auto at = -static_cast<std::int32_t>(kind);
  return at > 0 && at <= 10 ? names[at] : names[0];
}

struct error {
  caxton::kind kind;
  std::string data = {};          // the message, or what the other side said
  std::string code = {};          // the host's code, such as "grant.denied"; empty where it has none
  std::string performative = {};  // of a reply that was a failure; else empty
  bool retryable = false;         // the same call may work later

  // One sentence: the code, and the data.
  std::string what() const {
    if (kind == kind::refused) return data;
    return (code.empty() ? std::string(name_of(kind)) : code) + ": " + data;
  }
};

template <typename T = void>
using result = std::expected<T, error>;

// The agent: defined by whoever includes this header.
result<std::string> handle(std::string_view message);

// Answers with a failure: `return caxton::fail("why")`. The payload may be any bytes.
inline std::unexpected<error> fail(std::string payload) {
  return std::unexpected(error{kind::refused, std::move(payload)});
}

struct reply {
  std::string payload;
  std::string performative;
};

enum class level : std::int32_t { trace, debug, info, warning, error };

// An envelope's fields (docs/reference/envelopes.md); what is empty is not there. In JSON `_` is `-` in their names.
struct envelope {
  std::string performative = {};
  std::string sender = {};
  std::string receiver = {};
  std::string conversation_id = {};
  std::string reply_with = {};
  std::string in_reply_to = {};
  std::string reply_by = {};
  std::string ontology = {};
  std::string language = {};
  std::string content_type = {};
  std::string id = {};
};

// ---- The host's imports -------------------------------------------------------------------------------------

namespace host {
#define CAXTON_IMPORT(name) extern "C" __attribute__((import_module("caxton"), import_name(name)))
CAXTON_IMPORT("read_result") std::int32_t caxton_i_read_result(char *, std::size_t);
CAXTON_IMPORT("result_info") std::int32_t caxton_i_result_info();
CAXTON_IMPORT("context") std::int32_t caxton_i_context();
CAXTON_IMPORT("envelope") std::int32_t caxton_i_envelope();
CAXTON_IMPORT("tell") std::int32_t caxton_i_tell(const char *, std::size_t, const char *, std::size_t);
CAXTON_IMPORT("send_envelope") std::int32_t caxton_i_send(const char *, std::size_t, const char *, std::size_t);
CAXTON_IMPORT("publish") std::int32_t caxton_i_publish(const char *, std::size_t, const char *, std::size_t);
CAXTON_IMPORT("subscribe") std::int32_t caxton_i_subscribe(const char *, std::size_t);
CAXTON_IMPORT("unsubscribe") std::int32_t caxton_i_unsubscribe(const char *, std::size_t);
CAXTON_IMPORT("ask") std::int32_t caxton_i_ask(const char *, std::size_t, const char *, std::size_t, std::int64_t);
CAXTON_IMPORT("call_tool") std::int32_t caxton_i_call_tool(const char *, std::size_t, const char *, std::size_t);
CAXTON_IMPORT("ask_start")
std::int32_t caxton_i_ask_start(const char *, std::size_t, const char *, std::size_t, std::int64_t);
CAXTON_IMPORT("tool_start")
std::int32_t caxton_i_tool_start(const char *, std::size_t, const char *, std::size_t, std::int64_t);
CAXTON_IMPORT("wait") std::int32_t caxton_i_wait(const std::int32_t *, std::size_t, std::int64_t);
CAXTON_IMPORT("cancel") std::int32_t caxton_i_cancel(std::int32_t);
CAXTON_IMPORT("list_tools") std::int32_t caxton_i_list_tools();
CAXTON_IMPORT("emit") std::int32_t caxton_i_emit(const char *, std::size_t);
CAXTON_IMPORT("defer") std::int32_t caxton_i_defer();
CAXTON_IMPORT("state_get") std::int32_t caxton_i_state_get(const char *, std::size_t);
CAXTON_IMPORT("state_put") std::int32_t caxton_i_state_put(const char *, std::size_t, const char *, std::size_t);
CAXTON_IMPORT("state_delete") std::int32_t caxton_i_state_delete(const char *, std::size_t);
CAXTON_IMPORT("state_keys") std::int32_t caxton_i_state_keys(const char *, std::size_t);
CAXTON_IMPORT("set_timer") std::int32_t caxton_i_set_timer(std::int64_t, std::int64_t, const char *, std::size_t);
CAXTON_IMPORT("cancel_timer") std::int32_t caxton_i_cancel_timer(std::int32_t);
CAXTON_IMPORT("now_ms") std::int64_t caxton_i_now();
CAXTON_IMPORT("monotonic_ns") std::int64_t caxton_i_monotonic();
CAXTON_IMPORT("random") void caxton_i_random(char *, std::size_t);
CAXTON_IMPORT("sleep_ms") std::int32_t caxton_i_sleep(std::int64_t);
#undef CAXTON_IMPORT
}  // namespace host

// ---- The log ------------------------------------------------------------------------------------------------

// Writes a line to the agent's log.
inline void log(level level, std::string_view line) {
  caxton_i_log(static_cast<int>(level), line.data(), line.size());
}

// Writes to the log at level error, and traps.
[[noreturn]] inline void panic(std::string_view message) {
  log(level::error, message);
  __builtin_trap();
}

// ---- A little JSON ------------------------------------------------------------------------------------------
// For envelopes, contexts and small results. What is read may be anything: wrong JSON gives nothing, never a trap.

namespace json {

namespace detail {

inline std::size_t after_space(std::string_view json, std::size_t at) {
  while (at < json.size() && (json[at] == ' ' || (json[at] >= 9 && json[at] <= 13))) at++;
  return at;
}

inline std::size_t after_string(std::string_view json, std::size_t at) {  // `at` is that of the first quote
  for (at++; at < json.size() && json[at] != '"'; at++)
    if (json[at] == '\\') at++;
  return at < json.size() ? at + 1 : json.size();
}

inline std::size_t after_value(std::string_view json, std::size_t at) {
  for (std::size_t depth = 0; at < json.size();) {
    char byte = json[at];
    if (byte == '"') {
      at = after_string(json, at);
    } else if (depth == 0 && (byte == ',' || byte == ']' || byte == '}' || (byte >= 0 && byte <= ' '))) {
      return at;
    } else {
      depth += byte == '{' || byte == '[';
      depth -= byte == '}' || byte == ']';
      at++;
    }
  }
  return json.size();
}

inline std::optional<std::uint32_t> hex(std::string_view text, std::size_t at) {  // \uXXXX
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  std::uint32_t code = 0;
  for (char digit : text.substr(at + 2, 4)) {
    std::uint32_t letter = static_cast<unsigned char>(digit) | 32u, value;
    if (digit >= '0' && digit <= '9')
      value = static_cast<std::uint32_t>(digit - '0');
    else if (letter >= 'a' && letter <= 'f')
      value = letter - 'a' + 10;
    else
      return std::nullopt;
    code = code << 4 | value;
  }
  return code;
}

inline void append_utf8(std::string &text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::uint32_t first[] = {0, 0xc0, 0xe0, 0xf0};
  text += static_cast<char>(first[more] | code >> (6 * more));
  while (more--) text += static_cast<char>(0x80 | (code >> (6 * more) & 0x3f));
}

}  // namespace detail

// The member of a JSON object, as it is written there; nothing where it is not there. The key must be plain ASCII.
inline std::optional<std::string_view> get(std::string_view json, std::string_view key) {
  std::size_t at = detail::after_space(json, 0);
  if (at >= json.size() || json[at] != '{') return std::nullopt;
  for (at++;; at++) {  // past the brace, or a comma
    std::size_t name = detail::after_space(json, at);
    if (name >= json.size() || json[name] != '"') return std::nullopt;
    std::size_t end = detail::after_string(json, name), colon = detail::after_space(json, end);
    if (colon >= json.size() || json[colon] != ':') return std::nullopt;
    std::size_t value = detail::after_space(json, colon + 1);
    at = detail::after_value(json, value);
    if (json.substr(name + 1, end - name - 2) == key) return json.substr(value, at - value);
    at = detail::after_space(json, at);
    if (at >= json.size() || json[at] != ',') return std::nullopt;
  }
}

// The text that a JSON string stands for. Nothing for null; anything else as it is written.
inline std::string text(std::string_view value) {
  if (value == "null") return {};
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string(value);
  value = value.substr(1, value.size() - 2);
  std::string found;
  for (std::size_t at = 0; at < value.size(); at++) {
    if (auto code = detail::hex(value, at)) {
      at += 5;
      auto low = detail::hex(value, at + 1);
      if (*code >> 10 == 0xd800 >> 10 && low && *low >> 10 == 0xdc00 >> 10) {
        code = 0x10000 + ((*code & 0x3ff) << 10 | (*low & 0x3ff));
        at += 6;
      }
      detail::append_utf8(found, *code >> 11 == 0xd800 >> 11 ? 0xfffd : *code);
    } else if (value[at] == '\\' && at + 1 < value.size()) {
      constexpr std::string_view from = "ntrbf", to = "\n\t\r\b\f";
      auto known = from.find(value[++at]);
      found += known == from.npos ? value[at] : to[known];
    } else {
      found += value[at];
    }
  }
  return found;
}

// A member's text; empty where it is not there.
inline std::string text(std::string_view json, std::string_view key) { return text(get(json, key).value_or("")); }

// Text (UTF-8) as a JSON string, with its quotes.
inline std::string quote(std::string_view text) {
  std::string json = "\"";
  for (char byte : text) {
    if ((byte >= 0 && byte < 0x20) || byte == 0x7f) {
      json += "\\u00";
      json += static_cast<char>('0' + (byte >> 4));
      json += "0123456789abcdef"[byte & 15];
      continue;
    }
    if (byte == '"' || byte == '\\') json += '\\';
    json += byte;
  }
  return json += '"';
}

}  // namespace json

// ---- How answers become results -----------------------------------------------------------------------------

namespace detail {

inline std::string read(std::size_t size) {
  std::string data;
  data.resize_and_overwrite(size, [](char *to, std::size_t room) {
    return room ? static_cast<std::size_t>(host::caxton_i_read_result(to, room)) : 0;
  });
  return data;
}

// The last result, where its size is not told before it is read: an error's message, what a handle came to.
inline std::string read_all() {
  for (std::size_t room = 256;; room = 4 * room + 64) {
    std::string data = read(room);
    if (data.size() < room) {
      data.shrink_to_fit();
      return data;
    }
  }
}

inline std::string read_info() { return read(static_cast<std::size_t>(host::caxton_i_result_info())); }

inline error error_of(std::int32_t number, std::string data, std::string_view info) {
  return {static_cast<kind>(number), std::move(data), json::text(info, "code"), json::text(info, "performative"),
          json::get(info, "retryable") == "true"};
}

inline std::unexpected<error> failed(std::int32_t number) {
  std::string data = read_all();  // before the info, which takes its place
  return std::unexpected(error_of(number, std::move(data), read_info()));
}

inline result<> done(std::int32_t number) {
  if (number < 0) return failed(number);
  return {};
}

inline result<std::int32_t> numbered(std::int32_t number) {
  if (number < 0) return failed(number);
  return number;
}

inline result<std::string> data(std::int32_t number) {
  if (number < 0) return failed(number);
  return read(static_cast<std::size_t>(number));
}

inline result<reply> outcome(std::string data) {
  std::string info = read_info();
  int number = std::atoi(json::text(info, "number").c_str());
  if (number < 0) return std::unexpected(error_of(number, std::move(data), info));
  return reply{std::move(data), json::text(info, "performative")};
}

template <typename T>
T take(result<T> &from) {
  if constexpr (!std::is_void_v<T>) return std::move(*from);
}

}  // namespace detail

// The value of a result; or returns its error from the function that it stands in.
#define CAXTON_TRY(call)                                               \
  ({                                                                   \
    auto caxton_tried = (call);                                        \
    if (!caxton_tried) return std::unexpected(caxton_tried.error());   \
    ::caxton::detail::take(caxton_tried);                              \
  })

// ---- Host calls ---------------------------------------------------------------------------------------------
// Queued calls (tell, send, publish, subscribe, unsubscribe, state, timers) happen when the turn has gone well.

// This agent as JSON: agent, params, attempt, deadline_ms, fuel, grants.
inline result<std::string> context() { return detail::data(host::caxton_i_context()); }

// The message's envelope, without its payload, as JSON.
inline result<std::string> envelope_json() { return detail::data(host::caxton_i_envelope()); }

namespace detail {
struct field {
  std::string_view name;
  std::string envelope::*member;
};
inline constexpr field fields[] = {
    {"performative", &envelope::performative}, {"sender", &envelope::sender},
    {"receiver", &envelope::receiver},         {"conversation-id", &envelope::conversation_id},
    {"reply-with", &envelope::reply_with},     {"in-reply-to", &envelope::in_reply_to},
    {"reply-by", &envelope::reply_by},         {"ontology", &envelope::ontology},
    {"language", &envelope::language},         {"content-type", &envelope::content_type},
    {"id", &envelope::id},
};
}  // namespace detail

// The message's envelope.
inline result<envelope> current_envelope() {
  std::string json = CAXTON_TRY(envelope_json());
  envelope found;
  for (const auto &field : detail::fields) found.*field.member = json::text(json, field.name);
  return found;
}

// Queues any envelope: its JSON without content, and its payload.
inline result<> send_json(std::string_view meta, std::string_view payload) {
  return detail::done(host::caxton_i_send(meta.data(), meta.size(), payload.data(), payload.size()));
}

// Queues any envelope. For headers, and for several receivers, there is send_json.
inline result<> send(const envelope &meta, std::string_view payload) {
  std::string json;
  for (const auto &field : detail::fields)
    if (const std::string &value = meta.*field.member; !value.empty())
      json.append(json.empty() ? "{" : ",").append(json::quote(field.name)).append(":").append(json::quote(value));
  return send_json(json.empty() ? "{}" : json + "}", payload);
}

// Queues an `inform` to an agent.
inline result<> tell(std::string_view to, std::string_view payload) {
  return detail::done(host::caxton_i_tell(to.data(), to.size(), payload.data(), payload.size()));
}

// Queues a message to everybody who is subscribed to a topic.
inline result<> publish(std::string_view topic, std::string_view payload) {
  return detail::done(host::caxton_i_publish(topic.data(), topic.size(), payload.data(), payload.size()));
}

// Subscribes to a topic or a pattern ("news.*", "news.>"); ends that.
inline result<> subscribe(std::string_view topic) {
  return detail::done(host::caxton_i_subscribe(topic.data(), topic.size()));
}
inline result<> unsubscribe(std::string_view topic) {
  return detail::done(host::caxton_i_unsubscribe(topic.data(), topic.size()));
}

// Sends a `request` now and waits for the reply.
inline result<reply> ask(std::string_view to, std::string_view payload, milliseconds timeout) {
  auto size = CAXTON_TRY(detail::numbered(
      host::caxton_i_ask(to.data(), to.size(), payload.data(), payload.size(), timeout.count())));
  return detail::outcome(detail::read(static_cast<std::size_t>(size)));
}

// Calls a tool with a JSON object and waits for its result, JSON.
inline result<std::string> call_tool(std::string_view name, std::string_view json) {
  return detail::data(host::caxton_i_call_tool(name.data(), name.size(), json.data(), json.size()));
}

// An ask or a tool's call that is under way. It is given up when this goes out of scope.
class pending {
 public:
  pending() = default;
  explicit pending(std::int32_t handle) : handle_(handle) {}
  pending(pending &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
  pending &operator=(pending &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~pending() {
    if (handle_) host::caxton_i_cancel(handle_);
  }

  // Gives it up; a tool's call is cancelled.
  result<> cancel() { return detail::done(host::caxton_i_cancel(handle_)); }

  // The host's number; 0 when it is over.
  std::int32_t handle() const { return handle_; }

  // It is over: there is nothing to give up.
  void close() { handle_ = 0; }

 private:
  std::int32_t handle_ = 0;
};

// As ask and call_tool, without waiting.
inline result<pending> ask_start(std::string_view to, std::string_view payload, milliseconds timeout) {
  return pending(CAXTON_TRY(detail::numbered(
      host::caxton_i_ask_start(to.data(), to.size(), payload.data(), payload.size(), timeout.count()))));
}
inline result<pending> tool_start(std::string_view name, std::string_view json, milliseconds timeout) {
  return pending(CAXTON_TRY(detail::numbered(
      host::caxton_i_tool_start(name.data(), name.size(), json.data(), json.size(), timeout.count()))));
}

// Which one it was, and what it has come to.
struct outcome {
  std::size_t index;
  result<caxton::reply> reply;
};

// Waits for the first of some that are under way, at most 64; those that are over are left out. The error is that of
// the wait itself.
inline result<outcome> wait(std::span<pending> all, milliseconds timeout) {
  std::vector<std::int32_t> handles;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < all.size(); i++) {
    if (!all[i].handle()) continue;
    handles.push_back(all[i].handle());
    places.push_back(i);
  }
  auto index = CAXTON_TRY(detail::numbered(host::caxton_i_wait(handles.data(), handles.size(), timeout.count())));
  std::size_t place = places[static_cast<std::size_t>(index)];
  all[place].close();
  return outcome{place, detail::outcome(detail::read_all())};
}

// The tools that this agent may call, with their input schemas, as a JSON array.
inline result<std::string> list_tools() { return detail::data(host::caxton_i_list_tools()); }

// Sends a part of the reply, now.
inline result<> emit(std::string_view part) { return detail::done(host::caxton_i_emit(part.data(), part.size())); }

// No reply at the end of this turn: a later reply_later with this token is it.
inline result<std::string> defer() { return detail::data(host::caxton_i_defer()); }

// Queues the reply that an earlier turn has put off.
inline result<> reply_later(std::string_view token, std::string_view payload) {
  return send({.performative = "inform", .in_reply_to = std::string(token)}, payload);
}

// The agent's own state. It survives restarts.
namespace state {

inline result<std::string> get(std::string_view key) {
  return detail::data(host::caxton_i_state_get(key.data(), key.size()));
}

// As get, but nothing where there is no such key.
inline result<std::optional<std::string>> find(std::string_view key) {
  auto found = get(key);
  if (found) return std::move(*found);
  if (found.error().kind == kind::not_found) return std::nullopt;
  return std::unexpected(std::move(found.error()));
}

inline result<> put(std::string_view key, std::string_view value) {
  return detail::done(host::caxton_i_state_put(key.data(), key.size(), value.data(), value.size()));
}

inline result<> erase(std::string_view key) {
  return detail::done(host::caxton_i_state_delete(key.data(), key.size()));
}

// The keys with a prefix, in order, as a JSON array.
inline result<std::string> keys(std::string_view prefix = "") {
  return detail::data(host::caxton_i_state_keys(prefix.data(), prefix.size()));
}

}  // namespace state

// Queues a message to this agent itself, after `delay`, and every `period` if that is above 0; its id.
inline result<std::int32_t> set_timer(milliseconds delay, milliseconds period, std::string_view message) {
  return detail::numbered(host::caxton_i_set_timer(delay.count(), period.count(), message.data(), message.size()));
}
inline result<> cancel_timer(std::int32_t id) { return detail::done(host::caxton_i_cancel_timer(id)); }

// The host's time. Both clocks stand still while a turn computes; the second begins with the instance.
inline std::chrono::sys_time<milliseconds> now() {
  return std::chrono::sys_time<milliseconds>(milliseconds(host::caxton_i_now()));
}
inline std::chrono::nanoseconds monotonic() { return std::chrono::nanoseconds(host::caxton_i_monotonic()); }

// Random bytes of the host's.
inline std::string random(std::size_t size) {
  std::string bytes;
  bytes.resize_and_overwrite(size, [](char *to, std::size_t room) {
    for (std::size_t at = 0; at < room; at += 65536)  // the host gives no more at once
      host::caxton_i_random(to + at, room - at < 65536 ? room - at : 65536);
    return room;
  });
  return bytes;
}

// Waits, without using the processor.
inline result<> sleep(milliseconds time) { return detail::done(host::caxton_i_sleep(time.count())); }

// To do something once, before the first message: CAXTON_START { ...; return {}; }. An error refuses to start.
#define CAXTON_START                                                                              \
  static ::caxton::result<> caxton_start();                                                       \
  extern "C" __attribute__((export_name("caxton_init"))) std::int32_t caxton_init() {             \
    auto started = caxton_start();                                                                \
    if (!started) ::caxton::log(::caxton::level::error, started.error().what());                  \
    return started ? 0 : 1;                                                                       \
  }                                                                                               \
  static ::caxton::result<> caxton_start()

// ---- What the host calls ------------------------------------------------------------------------------------

namespace detail {
inline struct {
  const void *message = nullptr;
  std::string reply;
} turn;
}  // namespace detail

#define CAXTON_EXPORT(name) extern "C" __attribute__((weak, used, export_name(#name)))

CAXTON_EXPORT(caxton_alloc) void *caxton_alloc(std::size_t size) { return std::malloc(size ? size : 1); }

CAXTON_EXPORT(caxton_free) void caxton_free(void *block, std::size_t) {
  if (block == detail::turn.message) detail::turn = {};  // the host frees it last
  std::free(block);
}

CAXTON_EXPORT(handle_message) std::int32_t caxton_handle_message(const char *message, std::size_t size) {
  detail::turn.message = message;
  result<std::string> reply = handle(std::string_view(message, size));
  detail::turn.reply = reply ? std::move(*reply) : reply.error().what();
  return reply ? 0 : 1;
}

CAXTON_EXPORT(get_response) std::int32_t caxton_get_response(char *to, std::size_t room) {
  const std::string &reply = detail::turn.reply;
  if (reply.size() <= room) std::memcpy(to, reply.data(), reply.size());
  return static_cast<std::int32_t>(reply.size());
}

#undef CAXTON_EXPORT

}  // namespace caxton
