/* CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor's instruction where there is one.  Any thread. */
#ifndef WHERRY_STORE_CRC32C_H
#define WHERRY_STORE_CRC32C_H

#include "base/alloc.h"

/* The sum of what @crc is the sum of (0 for nothing) and of @data after it. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The same without the instruction; for tests. */
uint32_t crc32c_table(uint32_t crc, const void *data, size_t size);

#endif
