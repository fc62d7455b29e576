/* What the three hostile agents share: they behave until they are told "attack".
 *
 * Any other message is answered with the number of messages that this instance has had, so that
 * "1" after an attack proves that a fresh instance answered.
 */
#include "caxton.h"

static void attack(void);

static uint32_t messages;
static uint8_t number[10];

EXPORT(handle_message) int32_t handle_message(const uint8_t *message, size_t len) {
  messages++;
  reply(number, put_number(number, messages));
  if (len == 6 && same(message, "attack", 6)) attack();
  return 0;
}
