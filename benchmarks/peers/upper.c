/* The job in C, twice: as a program that answers on its standard output what it reads on its standard input, and as a
 * library. Built with -DPROGRAM or without. */
#include <stddef.h>

static void upper(const unsigned char *in, unsigned char *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = in[i];
        out[i] = (unsigned char)(byte - 'a') < 26 ? byte - 32 : byte;
    }
}

#ifdef PROGRAM
#include <unistd.h>

int main(void) {
    unsigned char buffer[4096];
    for (;;) {
        ssize_t got = read(0, buffer, sizeof buffer);
        if (got <= 0) return got != 0;
        upper(buffer, buffer, (size_t)got);
        for (ssize_t done = 0; done < got;) {
            ssize_t put = write(1, buffer + done, (size_t)(got - done));
            if (put <= 0) return 1;
            done += put;
        }
    }
}
#else
#include <stdlib.h>

/* A unit is what it would be for an agent: a block of its own, here with room for the last answer. */
struct unit {
    size_t size;
    unsigned char answer[4096];
};

struct unit *unit_open(void) { return calloc(1, sizeof(struct unit)); }

void unit_close(struct unit *unit) { free(unit); }

const unsigned char *unit_call(struct unit *unit, const unsigned char *message, size_t size) {
    if (size > sizeof unit->answer) return NULL;
    upper(message, unit->answer, unit->size = size);
    return unit->answer;
}
#endif
