#include <string.h>

#include "http/http_priv.h"

/*
 * Failed verifications per address in a table of fixed size: an address takes one of a few slots by its hash, the oldest gives
 * way. It can forget an attacker under pressure, and never touches an authentic sender: only failures are counted.
 */
#define FAILED_SLOTS     1024
#define FAILED_WAYS      4
#define FAILED_WINDOW_MS 60000

struct failed_slot {
    unsigned char addr[16];
    int64_t since_mono_ms;
    unsigned n;
};

struct failed_table {
    pthread_mutex_t lock;
    unsigned char key[16];
    struct failed_slot slots[FAILED_SLOTS];
};

struct failed_table *failed_new(void)
{
    struct failed_table *t = mem_alloc(sizeof *t);

    pthread_mutex_init(&t->lock, NULL);
    crypto_random(t->key, sizeof t->key);
    return t;
}

void failed_free(struct failed_table *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    mem_freep(&t);
}

/* IPv4: the address, also when it came over an IPv6 socket. IPv6: the /64, which is one sender. */
static void addr_bytes(const struct sockaddr *addr, unsigned char out[16])
{
    const struct in6_addr *v6;

    memset(out, 0, 16);
    if (!addr)
        return;
    out[15] = 4;
    if (addr->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)(const void *)addr)->sin_addr, 4);
    } else if (addr->sa_family == AF_INET6) {
        v6 = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(v6)) {
            memcpy(out, v6->s6_addr + 12, 4);
            return;
        }
        memcpy(out, v6, 8);
        out[15] = 6;
    }
}

static size_t slot_hash(const struct failed_table *t, const unsigned char addr[16])
{
    unsigned char in[32];
    uint8_t out[SHA256_BYTES];

    memcpy(in, t->key, 16);
    memcpy(in + 16, addr, 16);
    sha256(in, sizeof in, out);
    return (((size_t)out[0] << 8) | out[1]) % (FAILED_SLOTS / FAILED_WAYS) * FAILED_WAYS;
}

/* The address's own slot, else the one that has been quiet longest. */
static struct failed_slot *slot_find(struct failed_slot *set, const unsigned char key[16])
{
    struct failed_slot *oldest = &set[0];

    for (size_t i = 0; i < FAILED_WAYS; i++) {
        if (set[i].n && memcmp(set[i].addr, key, 16) == 0)
            return &set[i];
        if (set[i].since_mono_ms < oldest->since_mono_ms)
            oldest = &set[i];
    }
    return oldest;
}

bool failed_count(struct failed_table *t, const struct sockaddr *addr, unsigned limit,
                  int64_t now_mono_ms)
{
    unsigned char key[16];
    struct failed_slot *slot;
    bool within;

    addr_bytes(addr, key);
    pthread_mutex_lock(&t->lock);
    struct failed_slot *set = &t->slots[slot_hash(t, key)];

    slot = slot_find(set, key);
    if (memcmp(slot->addr, key, sizeof key) != 0 ||
        now_mono_ms - slot->since_mono_ms >= FAILED_WINDOW_MS) {
        memcpy(slot->addr, key, sizeof key);
        slot->since_mono_ms = now_mono_ms;
        slot->n = 0;
    }
    within = slot->n < limit;
    if (slot->n < UINT32_MAX)
        slot->n++;
    pthread_mutex_unlock(&t->lock);
    return within;
}
