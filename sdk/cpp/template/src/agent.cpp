// {{name}}: greets whoever it is told of, and remembers who came last.
#include "caxton.hpp"

caxton::result<std::string> caxton::handle(std::string_view message) {
  if (message.empty()) return caxton::fail("whom shall I greet?");  // the asker gets an error

  CAXTON_TRY(caxton::state::put("last", message));

  return "hello, " + std::string(message);
}
