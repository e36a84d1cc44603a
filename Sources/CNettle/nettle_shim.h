#pragma once
#include <nettle/sha2.h>
#include <stddef.h>
#include <stdint.h>

static inline void electd_sha256(uint8_t *digest, const uint8_t *bytes, size_t count) {
    struct sha256_ctx state;
    sha256_init(&state);
    sha256_update(&state, count, bytes);
    sha256_digest(&state, SHA256_DIGEST_SIZE, digest);
}

/* One byte that says what is hashed, then one or two strings: the leaves and nodes of RFC 6962. */
static inline void electd_sha256_tagged(uint8_t *digest, uint8_t tag, const uint8_t *first, size_t first_count,
                                        const uint8_t *second, size_t second_count) {
    struct sha256_ctx state;
    sha256_init(&state);
    sha256_update(&state, 1, &tag);
    sha256_update(&state, first_count, first);
    if (second_count > 0) sha256_update(&state, second_count, second);
    sha256_digest(&state, SHA256_DIGEST_SIZE, digest);
}
