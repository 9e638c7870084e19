/*
 * Log lines: one event, its fields as key=value, on standard error.
 *
 *	log_info("pod started", "pod=" STR_FMT " container=%s", STR_ARG(key), name);
 *	2026-11-25T00:36:27.123456Z INFO kubelet pod started pod=default/web container=app
 *
 * Any thread; a line is one write and is cut at LIMIT_LOG_LINE.  The component is the thread's (log_set_component).
 * Library code logs at debug only; the edge of a component logs once.  Secrets never go into a line.  Control
 * characters in what is printed are replaced, so that outside data cannot forge lines.
 */
#ifndef WHERRY_BASE_LOG_H
#define WHERRY_BASE_LOG_H

#include "base/alloc.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_MAX };

/* Lines below @level are dropped; INFO until told. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* The name in this thread's lines; @component must live on. */
void log_set_component(const char *component);
/* Where lines go; standard error until told.  The descriptor stays the caller's. */
void log_set_fd(int fd);

void log_line(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_debug(event, ...)                                                                                          \
	do {                                                                                                           \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                                      \
			log_line(LOG_LEVEL_DEBUG, (event), "" __VA_ARGS__);                                            \
	} while (0)
#define log_info(event, ...)  log_line(LOG_LEVEL_INFO, (event), "" __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_LEVEL_WARN, (event), "" __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_LEVEL_ERROR, (event), "" __VA_ARGS__)

#endif
