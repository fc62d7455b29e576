// The conformance agent: does what a message's first line says (docs/reference/conformance.md).
#include "caxton.hpp"

#include <charconv>
#include <cstdio>
#include <list>

namespace {

using namespace std::chrono_literals;
using answer = caxton::result<std::string>;
using caxton::milliseconds;

std::string_view cut(std::string_view &rest, char separator) {
  auto at = rest.find(separator);
  auto part = rest.substr(0, at);
  rest.remove_prefix(at == rest.npos ? rest.size() : at + 1);
  return part;
}

struct request {
  std::string_view words, body;  // `words` are the arguments that have not been taken yet

  std::string_view word() { return cut(words, ' '); }

  template <typename T = std::size_t>
  T number() {
    auto text = word();
    T value{};
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  milliseconds time() { return milliseconds(number<std::int64_t>()); }
};

answer ok(caxton::result<> done) { return done.transform([] { return std::string("ok"); }); }

using starter = decltype(caxton::ask_start);

// Starts one ask or call for each of the remaining arguments.
caxton::result<std::vector<caxton::pending>> start(request &the, starter *begin, milliseconds timeout) {
  std::vector<caxton::pending> all;
  while (!the.words.empty()) all.push_back(CAXTON_TRY(begin(the.word(), the.body, timeout)));
  return all;
}

answer race_of(request &the, starter *begin) {
  auto timeout = the.time();
  auto all = CAXTON_TRY(start(the, begin, timeout));
  auto first = CAXTON_TRY(caxton::wait(all, timeout));
  return std::to_string(first.index) + "\n" + CAXTON_TRY(std::move(first.reply)).payload;
}

answer conformance(request &) { return "caxton-conformance 1 cpp"; }
answer echo(request &the) { return std::string(the.body); }
answer empty(request &) { return ""; }
answer fail(request &the) { return caxton::fail(std::string(the.body)); }
answer panic(request &the) { caxton::panic(the.body); }

answer repeat(request &the) {
  std::string all;
  for (auto times = the.number(); times > 0; times--) all += the.body;
  return all;
}

answer spin(request &) {
  for (volatile std::size_t i = 0;;) i = i + 1;
}

answer eat(request &) {
  static std::list<std::string> eaten;
  for (;;) eaten.emplace_back(60'000, 'x');
}

answer count(request &) {
  static std::uint64_t counted;
  return std::to_string(++counted);
}

answer log(request &the) {
  constexpr std::string_view names[] = {"trace", "debug", "info", "warning", "error"};
  auto name = the.word();
  for (std::size_t i = 0; i < std::size(names); i++)
    if (name == names[i]) caxton::log(static_cast<caxton::level>(i), the.body);
  return "";
}

answer print(request &the) {
  std::fwrite(the.body.data(), 1, the.body.size(), stdout);
  std::putchar('\n');
  std::fflush(stdout);
  return "";
}

answer context(request &) { return caxton::context(); }
answer envelope(request &) { return caxton::envelope_json(); }
answer tell(request &the) { return ok(caxton::tell(the.word(), the.body)); }
answer publish(request &the) { return ok(caxton::publish(the.word(), the.body)); }
answer subscribe(request &the) { return ok(caxton::subscribe(the.word())); }
answer unsubscribe(request &the) { return ok(caxton::unsubscribe(the.word())); }

answer send(request &the) {
  auto size = the.number();
  return ok(caxton::send_json(the.body.substr(0, size), the.body.substr(size)));
}

answer ask(request &the) {
  auto to = the.word();
  auto reply = CAXTON_TRY(caxton::ask(to, the.body, the.time()));
  return reply.performative + "\n" + reply.payload;
}

answer call(request &the) { return caxton::call_tool(the.word(), the.body); }
answer race(request &the) { return race_of(the, caxton::ask_start); }
answer tools_race(request &the) { return race_of(the, caxton::tool_start); }

answer gather(request &the) {
  auto timeout = the.time();
  auto all = CAXTON_TRY(start(the, caxton::ask_start, timeout));
  std::vector<std::string> answers(all.size());
  for (std::size_t left = all.size(); left > 0; left--) {
    auto next = CAXTON_TRY(caxton::wait(all, timeout));
    answers[next.index] = CAXTON_TRY(std::move(next.reply)).payload;
  }
  std::string joined;
  for (std::size_t i = 0; i < answers.size(); i++) joined.append(i ? "\n" : "").append(answers[i]);
  return joined;
}

answer cancel(request &the) {
  auto asked = CAXTON_TRY(caxton::ask_start(the.word(), the.body, 1min));
  CAXTON_TRY(asked.cancel());
  auto outcome = CAXTON_TRY(caxton::wait({&asked, 1}, 1s));
  return CAXTON_TRY(std::move(outcome.reply)).payload;
}

answer cancel_twice(request &the) {
  auto asked = CAXTON_TRY(caxton::ask_start(the.word(), the.body, 1min));
  CAXTON_TRY(asked.cancel());
  return ok(asked.cancel());
}

answer tools(request &) { return caxton::list_tools(); }

answer emit(request &the) {
  for (auto left = the.number(); left > 0; left--) CAXTON_TRY(caxton::emit(the.body));
  return "done";
}

answer defer(request &) {
  auto asker = CAXTON_TRY(caxton::current_envelope()).sender;
  auto token = CAXTON_TRY(caxton::defer());
  CAXTON_TRY(caxton::state::put("token", token));
  CAXTON_TRY(caxton::state::put("asker", asker));
  return "";
}

answer resume(request &the) {
  auto token = CAXTON_TRY(caxton::state::get("token"));
  return ok(caxton::reply_later(token, the.body));
}

answer get(request &the) { return caxton::state::get(the.word()); }
answer put(request &the) { return ok(caxton::state::put(the.word(), the.body)); }
answer erase(request &the) { return ok(caxton::state::erase(the.word())); }
answer keys(request &the) { return caxton::state::keys(the.word()); }

answer timer(request &the) {
  auto delay = the.time();
  return std::to_string(CAXTON_TRY(caxton::set_timer(delay, the.time(), the.body)));
}

answer untimer(request &the) { return ok(caxton::cancel_timer(the.number<std::int32_t>())); }
answer now(request &) { return std::to_string(caxton::now().time_since_epoch().count()); }
answer monotonic(request &) { return std::to_string(caxton::monotonic().count()); }
answer random(request &the) { return caxton::random(the.number()); }
answer sleep(request &the) { return ok(caxton::sleep(the.time())); }

answer then(request &the) {
  auto size = the.number();
  auto first = CAXTON_TRY(caxton::handle(the.body.substr(0, size)));
  return first + "\n" + CAXTON_TRY(caxton::handle(the.body.substr(size)));
}

constexpr struct {
  std::string_view name;
  answer (*run)(request &);
} commands[] = {
    {"conformance", conformance}, {"echo", echo}, {"empty", empty}, {"repeat", repeat}, {"fail", fail},
    {"panic", panic}, {"spin", spin}, {"eat", eat}, {"count", count}, {"log", log}, {"print", print},
    {"context", context}, {"envelope", envelope}, {"tell", tell}, {"send", send}, {"publish", publish},
    {"subscribe", subscribe}, {"unsubscribe", unsubscribe}, {"ask", ask}, {"call", call}, {"race", race},
    {"tools-race", tools_race}, {"gather", gather}, {"cancel", cancel}, {"cancel-twice", cancel_twice},
    {"tools", tools}, {"emit", emit}, {"defer", defer}, {"resume", resume}, {"get", get}, {"put", put},
    {"delete", erase}, {"keys", keys}, {"timer", timer}, {"untimer", untimer}, {"now", now},
    {"monotonic", monotonic}, {"random", random}, {"sleep", sleep}, {"then", then},
};

}  // namespace

caxton::result<std::string> caxton::handle(std::string_view message) {
  request the{.words = cut(message, '\n'), .body = message};
  auto name = the.word();
  for (const auto &command : commands) {
    if (name != command.name) continue;
    auto found = command.run(the);
    if (found || found.error().kind == kind::refused) return found;
    const error &said = found.error();
    auto code = said.code.empty() ? std::string("-") : said.code;
    return "error " + std::string(name_of(said.kind)) + " " + code + "\n" + said.data;
  }
  return fail("unknown command: " + std::string(name));
}
