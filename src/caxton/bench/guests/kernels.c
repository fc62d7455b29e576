/* Kernels that compute: one source for native code and for guests. Each takes how often to do its work, and returns a
 * checksum, which must be the same on both sides. No C library is needed. */
#include <stddef.h>
#include <stdint.h>

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name) __attribute__((visibility("default")))
#endif

static uint32_t random_state;

static uint32_t random_number(void) { /* xorshift, Marsaglia 2003 */
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static uint32_t mix(uint32_t sum, uint32_t value) { return (sum ^ value) * 16777619u; }

static uint32_t bits_of(double value) {
  union { double value; uint64_t bits; } both = {value};
  return (uint32_t)(both.bits ^ both.bits >> 32);
}

/* ---- sieve: bytes, strides through 256 KiB ---- */
enum { SIEVE = 1 << 18 };
static uint8_t composite[SIEVE];

static uint32_t sieve(void) {
  uint32_t primes = 0;
  for (uint32_t i = 0; i < SIEVE; i++) composite[i] = 0;
  for (uint32_t i = 2; i < SIEVE; i++) {
    if (composite[i]) continue;
    primes++;
    for (uint64_t j = (uint64_t)i * i; j < SIEVE; j += i) composite[j] = 1;
  }
  return primes;
}

/* ---- matrix: doubles, 96 x 96 ---- */
enum { N = 96 };
static double left[N][N], right[N][N], product[N][N];

static uint32_t matrix(void) {
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      left[i][j] = (double)(random_number() & 1023) / 1024;
      right[i][j] = (double)(random_number() & 1023) / 1024;
      product[i][j] = 0;
    }
  for (int i = 0; i < N; i++)
    for (int k = 0; k < N; k++)
      for (int j = 0; j < N; j++) product[i][j] += left[i][k] * right[k][j];
  uint32_t sum = 0;
  for (int i = 0; i < N; i++) sum = mix(sum, bits_of(product[i][N - 1 - i]));
  return sum;
}

/* ---- sha256 of 64 KiB: 32-bit rotations and additions (FIPS 180-4) ---- */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn_right(uint32_t value, int by) { return value >> by | value << (32 - by); }

static void sha256_block(uint32_t state[8], const uint32_t block[16]) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = block[i];
  for (int i = 16; i < 64; i++) {
    uint32_t low = turn_right(w[i - 15], 7) ^ turn_right(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t high = turn_right(w[i - 2], 17) ^ turn_right(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + low + w[i - 7] + high;
  }
  for (int i = 0; i < 8; i++) s[i] = state[i];
  for (int i = 0; i < 64; i++) {
    uint32_t big1 = turn_right(s[4], 6) ^ turn_right(s[4], 11) ^ turn_right(s[4], 25);
    uint32_t first = s[7] + big1 + ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + w[i];
    uint32_t big0 = turn_right(s[0], 2) ^ turn_right(s[0], 13) ^ turn_right(s[0], 22);
    uint32_t second = big0 + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    for (int j = 7; j > 0; j--) s[j] = s[j - 1];
    s[4] += first;
    s[0] = first + second;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

static uint32_t sha256(void) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint32_t block[16];
  for (int i = 0; i < 1024; i++) {
    for (int j = 0; j < 16; j++) block[j] = random_number();
    sha256_block(state, block);
  }
  return state[0] ^ state[7];
}

/* ---- crc32 of 256 KiB: a table, one byte at a time ---- */
static uint32_t crc_table[256];

static uint32_t crc32(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320u : value >> 1;
    crc_table[i] = value;
  }
  uint32_t sum = ~0u;
  for (int i = 0; i < 65536; i++) {
    uint32_t word = random_number();
    for (int part = 0; part < 4; part++, word >>= 8) sum = sum >> 8 ^ crc_table[(sum ^ word) & 255];
  }
  return ~sum;
}

/* ---- sort: 32,768 numbers, heapsort: branches that nobody can predict ---- */
enum { NUMBERS = 32768 };
static uint32_t numbers[NUMBERS];

static void sift(uint32_t root, uint32_t end) {
  uint32_t value = numbers[root];
  for (uint32_t child; (child = 2 * root + 1) < end; root = child) {
    if (child + 1 < end && numbers[child] < numbers[child + 1]) child++;
    if (numbers[child] <= value) break;
    numbers[root] = numbers[child];
  }
  numbers[root] = value;
}

static uint32_t sort(void) {
  for (uint32_t i = 0; i < NUMBERS; i++) numbers[i] = random_number();
  for (uint32_t i = NUMBERS / 2; i-- > 0;) sift(i, NUMBERS);
  for (uint32_t end = NUMBERS - 1; end > 0; end--) {
    uint32_t largest = numbers[0];
    numbers[0] = numbers[end];
    numbers[end] = largest;
    sift(0, end);
  }
  uint32_t sum = 0;
  for (uint32_t i = 0; i < NUMBERS; i += 97) sum = mix(sum, numbers[i]);
  return sum;
}

/* ---- bodies: five bodies that attract each other, 4,000 steps of doubles with roots and divisions ---- */
enum { BODIES = 5 };
static double at[BODIES][3], speed[BODIES][3], mass[BODIES];

static void attract(int i, int j, double step) {
  double gap[3], square = 0.01;
  for (int axis = 0; axis < 3; axis++) {
    gap[axis] = at[i][axis] - at[j][axis];
    square += gap[axis] * gap[axis];
  }
  double pull = step / (square * __builtin_sqrt(square));
  for (int axis = 0; axis < 3; axis++) {
    speed[i][axis] -= gap[axis] * mass[j] * pull;
    speed[j][axis] += gap[axis] * mass[i] * pull;
  }
}

static uint32_t bodies(void) {
  for (int i = 0; i < BODIES; i++) {
    mass[i] = 1 + (double)(random_number() & 15);
    for (int axis = 0; axis < 3; axis++) {
      at[i][axis] = (double)(random_number() & 255);
      speed[i][axis] = 0;
    }
  }
  for (int step = 0; step < 4000; step++) {
    for (int i = 0; i < BODIES; i++)
      for (int j = i + 1; j < BODIES; j++) attract(i, j, 0.01);
    for (int i = 0; i < BODIES; i++)
      for (int axis = 0; axis < 3; axis++) at[i][axis] += 0.01 * speed[i][axis];
  }
  return mix(bits_of(at[0][0]), bits_of(at[BODIES - 1][2]));
}

/* ---- mandelbrot: 96 x 96 points, at most 200 steps each ---- */
static uint32_t mandelbrot(void) {
  uint32_t sum = 0;
  for (int row = 0; row < 96; row++)
    for (int column = 0; column < 96; column++) {
      double real = column / 32.0 - 2, imaginary = row / 48.0 - 1, x = 0, y = 0;
      uint32_t steps = 0;
      while (steps < 200 && x * x + y * y <= 4) {
        double next = x * x - y * y + real;
        y = 2 * x * y + imaginary;
        x = next;
        steps++;
      }
      sum = mix(sum, steps);
    }
  return sum;
}

static uint32_t (*const kernels[])(void) = {sieve, matrix, sha256, crc32, sort, bodies, mandelbrot};

EXPORT(run_kernel) uint32_t run_kernel(uint32_t kernel, uint32_t times) {
  uint32_t sum = 0;
  random_state = 2463534242u;
  if (kernel >= sizeof kernels / sizeof *kernels) return 0;
  while (times--) sum = mix(sum, kernels[kernel]());
  return sum;
}

#ifdef __wasm__
static uint32_t answer;

EXPORT(handle_message) int32_t handle_message(const uint32_t *message, uint32_t length) {
  if (length != 8) return 1;
  answer = run_kernel(message[0], message[1]);
  return 0;
}

EXPORT(get_response) int32_t get_response(uint32_t *to, uint32_t room) {
  if (room >= 4) *to = answer;
  return 4;
}
#endif
