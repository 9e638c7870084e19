/* Log lines; see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/limits.h"

static _Atomic int current_level = LOG_LEVEL_INFO;
static _Atomic int current_fd = STDERR_FILENO;
static _Thread_local const char *current_component = "wherry";

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_set_component(const char *component)
{
	current_component = component;
}

void log_set_fd(int fd)
{
	atomic_store(&current_fd, fd);
}

static size_t put_time(char *out, size_t size)
{
	struct timespec now;
	struct tm utc;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
	return len + (size_t)snprintf(out + len, size - len, ".%06ldZ", now.tv_nsec / 1000);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
	static const char *const names[LOG_LEVEL_MAX] = {"DEBUG", "INFO", "WARN", "ERROR"};
	char line[LIMIT_LOG_LINE];
	size_t len, start;
	va_list args;
	int n;

	if (!log_enabled(level))
		return;
	len = put_time(line, sizeof(line));
	len += (size_t)snprintf(line + len, sizeof(line) - len, " %s %s ", names[level], current_component);
	start = len;
	n = snprintf(line + len, sizeof(line) - len - 1, format[0] ? "%s " : "%s", event);
	len = MIN(len + (size_t)MAX(n, 0), sizeof(line) - 2);
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	len = MIN(len + (size_t)MAX(n, 0), sizeof(line) - 2);
	for (size_t i = start; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[len++] = '\n';
	/* Nobody to tell when standard error is gone. */
	if (write(atomic_load_explicit(&current_fd, memory_order_relaxed), line, len) < 0)
		return;
}
