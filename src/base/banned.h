/*
 * Calls that have a safer form here are compile errors.  This header is force-included before every file.
 *
 * Each banned name becomes an undeclared identifier whose name says what to use instead.  The headers that declare
 * the real functions are included first, so that their declarations are not rewritten.  base/ itself, which builds
 * the safer forms, is compiled with WHERRY_BASE.
 */
#ifndef WHERRY_BASE_BANNED_H
#define WHERRY_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef strtok
#undef sprintf
#undef vsprintf
#define strcpy(...)    banned_strcpy_use_struct_buf
#define strcat(...)    banned_strcat_use_struct_buf
#define strncpy(...)   banned_strncpy_use_struct_str
#define strncat(...)   banned_strncat_use_struct_buf
#define strtok(...)    banned_strtok_use_str_cut
#define sprintf(...)   banned_sprintf_use_buf_printf
#define vsprintf(...)  banned_vsprintf_use_buf_vprintf
#define gets(...)      banned_gets
#define atoi(...)      banned_atoi_use_str_parse_int64
#define atol(...)      banned_atol_use_str_parse_int64
#define atoll(...)     banned_atoll_use_str_parse_int64
#define atof(...)      banned_atof
#define gmtime(...)    banned_gmtime_use_gmtime_r
#define localtime(...) banned_localtime_wherry_speaks_utc
#define ctime(...)     banned_ctime_use_types_time
#define asctime(...)   banned_asctime_use_types_time
#define system(...)    banned_system_no_shell
#define popen(...)     banned_popen_no_shell
#define tmpnam(...)    banned_tmpnam
#define mktemp(...)    banned_mktemp

#ifndef WHERRY_BASE
#undef alloca
#undef strdup
#undef strndup
#define malloc(...)   banned_malloc_use_xmalloc
#define calloc(...)   banned_calloc_use_xcalloc
#define realloc(...)  banned_realloc_use_xrealloc_array
#define strdup(...)   banned_strdup_use_xstrdup
#define strndup(...)  banned_strndup_use_xstrdup
#define alloca(...)   banned_alloca
#define asprintf(...) banned_asprintf_use_arena_printf
#endif

#endif
