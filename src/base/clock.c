#include "base/clock.h"

#include <time.h>

#include "base/attr.h"

static int64_t wall_offset_ms; /* written before threads start */

static int64_t read_us(clockid_t id)
{
    struct timespec ts;

    CHECK(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000 + wall_offset_ms;
}

int64_t clock_mono_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

void clock_set_offset_ms(int64_t offset_ms)
{
    wall_offset_ms = offset_ms;
}
