#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/types.h>

int fallocate(int descriptor, int mode, off_t offset, off_t length);

/* Has the file system set blocks aside up to `size`, while the file's own size stays (fallocate(2),
   FALLOC_FL_KEEP_SIZE). 0, or -1 and errno. */
static inline int file_reserve(int descriptor, off_t size) {
    return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, size);
}
