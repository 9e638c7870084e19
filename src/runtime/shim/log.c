/*
 * Output of containers to log files, in CRI's form: "2026-01-02T03:04:05.123456789Z stdout F text", P for a part of a
 * line; and copies to whoever attached.  See shim.h.
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "runtime/shim/shim.h"
#include "sys/path.h"

#define TIME_SIZE 40

/* One buffer for all: a read is logged before the next one. */
static char input[SHIM_LINE_MAX];
static char output[64 * 1024];
static size_t output_len;

static void flush_output(struct container *container)
{
	/* A full disk loses lines, not the container. */
	if (container->log_fd >= 0 && output_len && path_write_all(container->log_fd, output, output_len) < 0)
		errno = 0;
	output_len = 0;
}

static size_t put_time(char *out)
{
	int64_t now = clock_wall_ns();
	time_t seconds = (time_t)(now / NS_PER_SEC);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return (size_t)snprintf(out, TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ", tm.tm_year + 1900, tm.tm_mon + 1,
				tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(now % NS_PER_SEC));
}

/* One log line of two pieces, either may be empty. */
static void put_line(struct stream *stream, bool full, const char *a, size_t a_len, const char *b, size_t b_len)
{
	struct container *container = stream->container;

	if (container->log_fd < 0)
		return;
	if (output_len + TIME_SIZE + 16 + a_len + b_len > sizeof(output))
		flush_output(container);
	output_len += put_time(output + output_len);
	output_len += (size_t)snprintf(output + output_len, 16, " %s %c ", stream->name, full ? 'F' : 'P');
	memcpy(output + output_len, a, a_len);
	output_len += a_len;
	memcpy(output + output_len, b, b_len);
	output_len += b_len;
	output[output_len++] = '\n';
}

static void drop_partial(struct stream *stream)
{
	free(stream->partial);
	stream->partial = NULL;
	stream->partial_len = 0;
}

/* The end of a line: its newline, and a carriage return before it, which a terminal puts there, are not logged. */
static void end_line(struct stream *stream, const char *data, size_t len)
{
	if (len && data[len - 1] == '\r')
		len--;
	else if (!len && stream->partial_len && stream->partial[stream->partial_len - 1] == '\r')
		stream->partial_len--;
	put_line(stream, true, stream->partial ? stream->partial : "", stream->partial_len, data, len);
	drop_partial(stream);
}

static void log_bytes(struct stream *stream, const char *data, size_t len)
{
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len, room = SHIM_LINE_MAX - stream->partial_len;

		if (part > room) { /* the line is longer than one log line takes */
			put_line(stream, false, stream->partial ? stream->partial : "", stream->partial_len, data,
				 room);
			drop_partial(stream);
			data += room;
			len -= room;
			continue;
		}
		if (!end) {
			if (!stream->partial)
				stream->partial = xmalloc(SHIM_LINE_MAX);
			memcpy(stream->partial + stream->partial_len, data, len);
			stream->partial_len += len;
			break;
		}
		end_line(stream, data, part);
		data += part + 1;
		len -= part + 1;
	}
	flush_output(stream->container);
}

/*
 * Somebody attached gets a copy through a pipe of theirs, which does not block.  Who does not take it in time loses the
 * attachment: the container must not wait for a stranger.
 */
static void copy_to_attached(struct stream *stream, const char *data, size_t len)
{
	struct container *container = stream->container;

	LIST_FOREACH_SAFE (struct attachment, attachment, &container->attachments, link) {
		int fd = stream == &container->err ? attachment->stderr_fd : attachment->stdout_fd;

		if (fd >= 0 && write(fd, data, len) != (ssize_t)len)
			attachment_free(attachment);
	}
}

bool stream_read(struct stream *stream)
{
	ssize_t n = stream->source.fd < 0 ? 0 : read(stream->source.fd, input, sizeof(input));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) /* a terminal whose other end is closed says EIO */
		return false;
	copy_to_attached(stream, input, (size_t)n);
	log_bytes(stream, input, (size_t)n);
	return true;
}

void stream_finish(struct stream *stream)
{
	if (stream->source.fd < 0)
		return;
	/* Other processes may hold the pipe; what is in it now is the container's. */
	for (;;) {
		int waiting = 0;

		if (ioctl(stream->source.fd, FIONREAD, &waiting) < 0 || waiting <= 0 || !stream_read(stream))
			break;
	}
	if (stream->partial_len) {
		put_line(stream, false, stream->partial, stream->partial_len, "", 0);
		flush_output(stream->container);
	}
	drop_partial(stream);
	loop_close(&stream->source);
}

static void stream_ready(struct source *source, uint32_t events UNUSED)
{
	struct stream *stream = CONTAINER_OF(source, struct stream, source);

	if (!stream_read(stream))
		stream_finish(stream);
}

void stream_init(struct stream *stream, struct container *container, const char *name, int fd)
{
	stream->container = container;
	stream->name = name;
	loop_add(&stream->source, fd, EPOLLIN, stream_ready);
}
