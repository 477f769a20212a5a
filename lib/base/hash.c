/* XXH3-128 of bytes: keys of the store and checks of what it holds. Not for secrets: an adversary can make collisions. */
#include "base.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

hash128 hash_bytes(const void *bytes, size_t size_bytes)
{
    const XXH128_hash_t h = XXH3_128bits(bytes, size_bytes);
    return (hash128){h.low64, h.high64};
}

hash128 hash_combine(hash128 a, hash128 b)
{
    const uint64_t words[4] = {a.low, a.high, b.low, b.high};
    return hash_bytes(words, sizeof(words));
}

hash128 hash_string(const char *text)
{
    return text == NULL ? hash_bytes("", 0) : hash_bytes(text, strlen(text));
}

bool hash_equal(hash128 a, hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

void hash_text(hash128 h, char out[33])
{
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)h.high, (unsigned long long)h.low);
}
