#include <pthread.h>

#include "base/mem.h"
#include "sandbox/outside.h"

/*
 * One GiB of zero bytes in about one MiB of gzip, written by hand: one deflate block whose code has three symbols (a zero byte, "258 bytes
 * again" and the end), so that each two bits stand for 258 bytes.
 */

enum {
    AGAIN = 258,
    ROUNDS = 4161790,
    CODE_AGAIN = 285,
    CODE_END = 256
};
#define PLAIN_BYTES (1U + (uint32_t)AGAIN * ROUNDS)
#define PLAIN_CRC   0xa1e837cfU /* of so many zero bytes */

struct bits {
    struct buf out;
    uint32_t held;
    unsigned n;
};

/* Lowest bit first, as deflate wants its numbers; its codes are written with their bits turned round. */
static void put(struct bits *b, uint32_t value, unsigned n)
{
    b->held |= value << b->n;
    for (b->n += n; b->n >= 8; b->n -= 8) {
        buf_putc(&b->out, (char)(b->held & 0xff));
        b->held >>= 8;
    }
}

/* The lengths of the codes: 2 for a zero byte and the end, 1 for "again" and for the only distance. */
static void put_code(struct bits *b)
{
    static const uint8_t order[18] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1};

    put(b, 1, 1); /* the last block */
    put(b, 2, 2); /* with a code of its own */
    put(b, CODE_AGAIN - 256, 5);
    put(b, 0, 5); /* one distance */
    put(b, sizeof order - 4, 4);
    /* The lengths below are written in a code of their own: "many zeros" is 0, one is 10, two is 11. */
    for (size_t i = 0; i < sizeof order; i++)
        put(b, order[i] == 18 ? 1 : order[i] == 1 || order[i] == 2 ? 2 : 0, 3);
    put(b, 3, 2); /* the byte 0: two */
    put(b, 0, 1); /* 138 zeros */
    put(b, 138 - 11, 7);
    put(b, 0, 1); /* 117 zeros */
    put(b, 117 - 11, 7);
    put(b, 3, 2); /* the end: two */
    put(b, 0, 1); /* 28 zeros */
    put(b, 28 - 11, 7);
    put(b, 1, 2); /* again: one */
    put(b, 1, 2); /* the distance: one */
}

static struct bits bomb;

static void make(void)
{
    static const char head[] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, 3};

    buf_init(&bomb.out, (size_t)4 << 20);
    buf_add(&bomb.out, head, sizeof head);
    put_code(&bomb);
    put(&bomb, 1, 2); /* a zero byte: 10 */
    for (int i = 0; i < ROUNDS; i++)
        put(&bomb, 0, 2); /* again, at distance one: 0 and 0 */
    put(&bomb, 3, 2);     /* the end: 11 */
    put(&bomb, 0, (8 - bomb.n) % 8);
    put(&bomb, PLAIN_CRC & 0xffff, 16);
    put(&bomb, PLAIN_CRC >> 16, 16);
    put(&bomb, PLAIN_BYTES & 0xffff, 16);
    put(&bomb, PLAIN_BYTES >> 16, 16);
    CHECK(!bomb.out.over);
}

void *outside_bomb(size_t *len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make);
    *len = bomb.out.len;
    return bomb.out.data;
}
