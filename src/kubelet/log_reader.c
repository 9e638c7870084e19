/* Container logs read back; see log_reader.h.  The rules are those of upstream's CRI log reader. */
#include "kubelet/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "kubelet/log_rotate.h"
#include "types/timestamp.h"

#define BLOCK_SIZE	(32 * KIB)
#define FRACTION_DIGITS 9
#define TIME_LENGTH_MAX 64
#define SWITCH_ATTEMPTS 3 /* rotations are seconds apart */

struct log_reader {
	struct log_options options;
	char *path;
	int fd;
	off_t offset;	/* where the next block begins */
	struct buf raw; /* read and not yet looked at, at most LIMIT_LOG_RAW_LINE */
	size_t seen;	/* how much of it has no line end */
	bool follow;	/* the file may grow */
	bool bounded;	/* lines_left counts */
	int64_t lines_left;
	int64_t bytes_left; /* negative: no limit */
	bool inside;	    /* the last line was a part: the next one goes on with it */
	bool done;
};

/* --- One line --------------------------------------------------------------------------------------------------- */

struct log_line {
	struct str time;
	int64_t when;	 /* ns since 1970 */
	struct str text; /* with its line end, unless it is a part */
};

/* The digits after the point of a time, "" for none. */
static struct str fraction_of(struct str time)
{
	ptrdiff_t point = str_index(time, '.');
	size_t len = 0;

	if (point < 0)
		return STR_EMPTY;
	time = str_from_at(time, (size_t)point + 1);
	while (len < time.len && time.data[len] >= '0' && time.data[len] <= '9')
		len++;
	return str_sub(time, 0, len);
}

static bool parse_time(struct str text, int64_t *ret)
{
	struct str fraction = fraction_of(text);
	struct timestamp time;
	struct error err = {0};
	int64_t nanos = 0;

	if (text.len > TIME_LENGTH_MAX || timestamp_parse(text, &time, &err) < 0)
		return false;
	for (size_t i = 0; i < FRACTION_DIGITS; i++)
		nanos = nanos * 10 + (i < fraction.len ? fraction.data[i] - '0' : 0);
	*ret = time.seconds * NS_PER_SEC + nanos;
	return true;
}

/* @line has its line end, but for the last of a file that was cut. */
static bool parse_line(struct str line, struct log_line *ret)
{
	struct str stream, tags, tag, others;

	if (!str_cut(line, ' ', &ret->time, &line) || !parse_time(ret->time, &ret->when) ||
	    !str_cut(line, ' ', &stream, &line) || (!str_eq(stream, STR("stdout")) && !str_eq(stream, STR("stderr"))) ||
	    !str_cut(line, ' ', &tags, &line))
		return false;
	if (!str_cut(tags, ':', &tag, &others))
		tag = tags;
	if (str_eq(tag, STR("P")) && line.len && line.data[line.len - 1] == '\n')
		line.len--;
	ret->text = line;
	return true;
}

/* The time with nine digits of fraction, so that lines stand below each other. */
static void put_time(struct str time, struct buf *out)
{
	struct str fraction = fraction_of(time);
	ptrdiff_t point = str_index(time, '.');
	size_t zone;

	if (point < 0) {
		for (point = 0; (size_t)point < time.len && time.data[point] != 'Z' && time.data[point] != '+' &&
				(point < 11 || time.data[point] != '-');)
			point++;
		zone = (size_t)point;
	} else {
		zone = (size_t)point + 1 + fraction.len;
	}
	buf_str(out, str_sub(time, 0, (size_t)point));
	buf_char(out, '.');
	for (size_t i = 0; i < FRACTION_DIGITS; i++)
		buf_char(out, i < fraction.len ? fraction.data[i] : '0');
	buf_str(out, str_from_at(time, zone));
	buf_char(out, ' ');
}

/* Appends what of the line is wanted; then the limits may be met. */
static void put_line(struct log_reader *reader, const struct log_line *line, struct buf *out)
{
	size_t before = out->len, len;

	if (line->when < reader->options.since)
		return;
	if (reader->options.timestamps && !reader->inside)
		put_time(line->time, out);
	buf_str(out, line->text);
	len = out->len - before;
	if (reader->bytes_left < 0)
		return;
	if ((int64_t)len >= reader->bytes_left) {
		buf_truncate(out, before + (size_t)reader->bytes_left);
		reader->done = true;
		return;
	}
	reader->bytes_left -= (int64_t)len;
}

static void take_line(struct log_reader *reader, struct str text, struct buf *out)
{
	struct log_line line;

	/* A line that is none (a disk that was full, say) is passed over. */
	if (!parse_line(text, &line))
		return;
	put_line(reader, &line, out);
	reader->inside = line.text.len && line.text.data[line.text.len - 1] != '\n';
	if (reader->bounded && --reader->lines_left == 0)
		reader->done = true;
}

/* --- The file --------------------------------------------------------------------------------------------------- */

/* Where the last @lines lines begin: behind the line end before them. */
static int find_tail(int fd, int64_t lines, off_t *ret, struct error *err)
{
	char block[4096];
	struct stat st;
	off_t right;
	int64_t ends = 0;

	*ret = 0;
	if (lines < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return error_set_errno(err, errno, "stat");
	for (right = st.st_size; right > 0;) {
		off_t left = right > (off_t)sizeof(block) ? right - (off_t)sizeof(block) : 0;
		ssize_t n = pread(fd, block, (size_t)(right - left), left);

		if (n < 0)
			return error_set_errno(err, errno, "read");
		for (ssize_t i = n - 1; i >= 0; i--)
			if (block[i] == '\n' && ends++ == lines) {
				*ret = left + i + 1;
				return 0;
			}
		right = left;
	}
	return 0;
}

int log_reader_open(struct str path, const struct log_options *options, struct log_reader **ret, struct error *err)
{
	char *c_path = xstrdup(str_c(path));
	int fd = open(c_path, O_RDONLY | O_CLOEXEC);
	struct log_reader *reader;
	off_t start;

	if (fd < 0) {
		int code = errno;

		free(c_path);
		return error_set_errno(err, code, "failed to open log file \"" STR_FMT "\"", STR_ARG(path));
	}
	if (find_tail(fd, options->tail, &start, err) < 0) {
		close_fd(fd);
		free(c_path);
		return error_wrap(err, "failed to tail %lld lines of log file \"" STR_FMT "\"",
				  (long long)options->tail, STR_ARG(path));
	}
	reader = XNEW(struct log_reader);
	*reader = (struct log_reader){
		.options = *options,
		.path = c_path,
		.fd = fd,
		.offset = start,
		.follow = options->follow,
		.bounded = options->tail >= 0 && !options->follow,
		.lines_left = options->tail,
		.bytes_left = options->limit,
	};
	reader->done = reader->bounded && reader->lines_left == 0;
	buf_init(&reader->raw, LIMIT_LOG_RAW_LINE);
	*ret = reader;
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What came after @ours, when @there has our name now: the file rotated away last, or @there; -1: neither any more. */
static int open_next(const struct log_reader *reader, const struct stat *ours, const struct stat *there)
{
	struct error ignored = {0};
	struct stat st;
	int fd = -1;

	if (log_open_rotated(str_from(reader->path), &fd, &ignored) == 0 && fd >= 0 && fstat(fd, &st) == 0 &&
	    !is_same(&st, ours) && !is_same(&st, there))
		return fd;
	close_fd(fd);
	fd = open(reader->path, O_RDONLY | O_CLOEXEC);
	/* Rotated between two looks: the one that was there is to be read first. */
	if (fd >= 0 && (fstat(fd, &st) < 0 || !is_same(&st, there))) {
		close_fd(fd);
		return -1;
	}
	return fd;
}

/*
 * The file of our name is another one now, or was emptied: go on with its beginning, but not before the old one is read
 * to its end.  True when there is more to read.
 */
static bool switch_file(struct log_reader *reader)
{
	struct stat ours, there;
	int fd = -1;

	for (int attempt = 0; attempt < SWITCH_ATTEMPTS && fd < 0; attempt++) {
		/* Ours after theirs: once there is a new file nothing is written to the old one any more. */
		if (stat(reader->path, &there) < 0 || fstat(reader->fd, &ours) < 0)
			return false;
		if (is_same(&ours, &there)) {
			if (there.st_size >= reader->offset)
				return false;
			break;
		}
		if (ours.st_size > reader->offset)
			return true;
		fd = open_next(reader, &ours, &there);
	}
	if (fd < 0 && !is_same(&ours, &there))
		return false;
	if (fd >= 0) {
		close_fd(reader->fd);
		reader->fd = fd;
	}
	reader->offset = 0;
	buf_clear(&reader->raw);
	reader->seen = 0;
	return true;
}

/* Gives out the whole lines there are, up to @max bytes. */
static void take_lines(struct log_reader *reader, size_t max, struct buf *out)
{
	struct str raw = buf_view(&reader->raw);
	size_t at = 0, from = reader->seen;

	while (!reader->done && out->len < max) {
		const char *end = from < raw.len ? memchr(raw.data + from, '\n', raw.len - from) : NULL;

		if (!end) {
			from = raw.len;
			break;
		}
		from = (size_t)(end - raw.data) + 1;
		take_line(reader, str_sub(raw, at, from - at), out);
		at = from;
	}
	reader->seen = from - at;
	buf_consume(&reader->raw, at);
}

/* Bytes read, 0 at the end of the file. */
static ssize_t fill(struct log_reader *reader, struct error *err)
{
	size_t room = reader->raw.limit - reader->raw.len;
	char *into;
	ssize_t n;

	/* No log has such lines; what is no log is not shown. */
	if (room == 0)
		return error_set(err, ERR_INTERNAL, "unsupported log format in \"%s\": a line is longer than %zu bytes",
				 reader->path, reader->raw.limit);
	room = MIN(room, (size_t)BLOCK_SIZE);
	into = buf_reserve(&reader->raw, room);
	n = pread(reader->fd, into, room, reader->offset);
	if (n < 0)
		return error_set_errno(err, errno, "failed to read log file \"%s\"", reader->path);
	buf_advance(&reader->raw, (size_t)n);
	reader->offset += n;
	return n;
}

int log_reader_read(struct log_reader *reader, size_t max, struct buf *out, enum log_read *ret, struct error *err)
{
	max += out->len;
	for (;;) {
		ssize_t n;

		take_lines(reader, max, out);
		if (reader->done || out->len >= max) {
			*ret = reader->done ? LOG_READ_END : LOG_READ_MORE;
			return 0;
		}
		n = fill(reader, err);
		if (n < 0)
			return (int)n;
		if (n > 0 || (reader->options.follow && switch_file(reader)))
			continue;
		if (reader->follow) {
			*ret = LOG_READ_WAIT;
			return 0;
		}
		/* The last line may lack its end. */
		if (reader->raw.len)
			take_line(reader, buf_view(&reader->raw), out);
		buf_clear(&reader->raw);
		reader->done = true;
	}
}

void log_reader_finish(struct log_reader *reader)
{
	reader->follow = false;
}

struct log_reader *log_reader_free(struct log_reader *reader)
{
	if (!reader)
		return NULL;
	close_fd(reader->fd);
	buf_release(&reader->raw);
	free(reader->path);
	free(reader);
	return NULL;
}
