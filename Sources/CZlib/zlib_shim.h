#pragma once
#include <zlib.h>

/* `inflateInit2` and `deflateInit2` are macros, which Swift doesn't import. 15 + 16: the largest window, with the
   header of RFC 1952, so that `zcat` reads what we write. */
static inline int electd_inflate_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

static inline int electd_deflate_gzip(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
