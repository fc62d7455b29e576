/* {{name}}: greets whoever it is told of, and remembers who came last. */
#include "caxton.h"

caxton_reply caxton_handle(caxton_bytes message) {
  if (message.size == 0) return caxton_fail("whom shall I greet?"); /* the asker gets an error */

  caxton_result kept = caxton_state_put("last", message);
  if (kept.kind) return caxton_fail_with(kept);

  return caxton_ok(caxton_format("hello, %.*s", CAXTON_ARG(message)));
}
