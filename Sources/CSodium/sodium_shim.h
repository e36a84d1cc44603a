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
