#pragma once
#include <sodium.h>
#include <stdint.h>
#include <string.h>

/* Swift doesn't import types aligned to more than 16 bytes, and libsodium's hash state is aligned to 64: so Swift holds
   the bytes, and each call works on an aligned copy. */
typedef struct electd_blake2b_state {
    uint64_t words[sizeof(crypto_generichash_state) / sizeof(uint64_t)];
} electd_blake2b_state;

static inline int electd_blake2b_init(electd_blake2b_state *state, const uint8_t *key, size_t key_count, size_t digest_count) {
    crypto_generichash_state aligned;
    int outcome = crypto_generichash_init(&aligned, key, key_count, digest_count);
    memcpy(state, &aligned, sizeof aligned);
    return outcome;
}

static inline int electd_blake2b_update(electd_blake2b_state *state, const uint8_t *bytes, size_t count) {
    crypto_generichash_state aligned;
    memcpy(&aligned, state, sizeof aligned);
    int outcome = crypto_generichash_update(&aligned, bytes, count);
    memcpy(state, &aligned, sizeof aligned);
    return outcome;
}

/* `state` stays as it was and can take more. */
static inline int electd_blake2b_final(const electd_blake2b_state *state, uint8_t *digest, size_t digest_count) {
    crypto_generichash_state aligned;
    memcpy(&aligned, state, sizeof aligned);
    return crypto_generichash_final(&aligned, digest, digest_count);
}

/* The whole in one call, without the state's way through Swift. */
static inline int electd_blake2b_hash(uint8_t *digest, size_t digest_count, const uint8_t *bytes, size_t count) {
    return crypto_generichash(digest, digest_count, bytes, count, NULL, 0);
}

/* SHA-256 of one byte that says what is hashed, then one or two strings: the leaves and nodes of RFC 6962. */
static inline void electd_sha256_tagged(uint8_t *digest, uint8_t tag, const uint8_t *first, size_t first_count,
                                        const uint8_t *second, size_t second_count) {
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &tag, 1);
    crypto_hash_sha256_update(&state, first, first_count);
    if (second_count > 0) crypto_hash_sha256_update(&state, second, second_count);
    crypto_hash_sha256_final(&state, digest);
}
