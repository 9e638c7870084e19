/* The state folder of the pod network; see state.h. */
#include "podnet/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/buf.h"

#define FILE_SIZE_MAX 8192 /* a record with all its ports takes half of it */
#define LOCK_NAME     ".lock"

int podnet_state_open(const char *path, int *ret_dir, int *ret_lock, struct error *err)
{
	cleanup_close int dir = -1, lock = -1;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s", path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set_errno(err, errno, "open folder %s", path);
	lock = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return error_set_errno(err, errno, "open lock in %s", path);
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return error_set(err, ERR_CONFLICT, "folder %s is in use by another process", path);
	*ret_dir = TAKE_FD(dir);
	*ret_lock = TAKE_FD(lock);
	return 0;
}

bool podnet_state_valid_id(struct str id)
{
	if (id.len == 0 || id.len >= PODNET_ID_SIZE || id.data[0] == '.')
		return false;
	for (size_t i = 0; i < id.len; i++) {
		char c = id.data[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' &&
		    c != '_' && c != '-')
			return false;
	}
	return true;
}

void podnet_record_format(const struct podnet_record *record, struct buf *out)
{
	char text[IP_TEXT_SIZE];

	buf_printf(out, "link %s\n", record->attachment.link);
	for (size_t i = 0; i < record->attachment.len; i++) {
		ip_format(&record->attachment.addresses[i], text);
		buf_printf(out, "address %s\n", text);
	}
	for (size_t i = 0; i < record->ports_len; i++) {
		const struct podnet_host_port *port = &record->ports[i];

		if (port->host_address.family == IP_NONE)
			snprintf(text, sizeof(text), "0.0.0.0");
		else
			ip_format(&port->host_address, text);
		buf_printf(out, "port %s %u %u %u\n", text, port->protocol, port->host_port, port->container_port);
	}
}

static bool parse_number(struct str *rest, uint64_t max, uint64_t *ret)
{
	struct str word;

	str_cut(*rest, ' ', &word, rest);
	return str_parse_uint64(word, ret) == 0 && *ret <= max;
}

static bool parse_port(struct str rest, struct podnet_record *record)
{
	struct podnet_host_port *port = &record->ports[record->ports_len];
	uint64_t protocol, host, container;
	struct str word;

	if (record->ports_len == PODNET_HOST_PORTS)
		return false;
	str_cut(rest, ' ', &word, &rest);
	if (ip_parse(word, &port->host_address) < 0 || !parse_number(&rest, 255, &protocol) ||
	    !parse_number(&rest, 65535, &host) || !parse_number(&rest, 65535, &container))
		return false;
	if (ip_is_unspecified(&port->host_address))
		port->host_address = (struct ip_address){0};
	port->protocol = (uint8_t)protocol;
	port->host_port = (uint16_t)host;
	port->container_port = (uint16_t)container;
	record->ports_len++;
	return true;
}

static bool parse_line(struct str line, struct podnet_record *record)
{
	struct podnet_attachment *at = &record->attachment;
	struct str word, rest;

	str_cut(line, ' ', &word, &rest);
	if (str_eq_c(word, "link")) {
		if (rest.len == 0 || rest.len >= sizeof(at->link))
			return false;
		memcpy(at->link, rest.data, rest.len);
		return true;
	}
	if (str_eq_c(word, "address")) {
		if (at->len == PODNET_ADDRESSES || ip_parse(rest, &at->addresses[at->len]) < 0)
			return false;
		at->len++;
		return true;
	}
	return str_eq_c(word, "port") && parse_port(rest, record);
}

int podnet_record_parse(struct str id, struct str text, struct podnet_record *ret, struct error *err)
{
	struct podnet_record record = {0};

	if (!podnet_state_valid_id(id))
		return error_set(err, ERR_INVALID, "attachment id \"" STR_FMT "\" is not a name", STR_ARG(id));
	memcpy(record.attachment.id, id.data, id.len);
	while (text.len > 0) {
		struct str line;

		/* A record ends in a newline: one that does not was cut off. */
		if (!str_cut(text, '\n', &line, &text) || !parse_line(line, &record))
			return error_set(err, ERR_INVALID, "attachment " STR_FMT ": bad line \"" STR_FMT "\"",
					 STR_ARG(id), STR_ARG(line));
	}
	if (!record.attachment.link[0] || record.attachment.len == 0)
		return error_set(err, ERR_INVALID, "attachment " STR_FMT " has no link or address", STR_ARG(id));
	*ret = record;
	return 0;
}

int podnet_state_write(int dir, const struct podnet_record *record, struct error *err)
{
	char temporary[PODNET_ID_SIZE + 8];
	struct buf cleanup_buf text;
	cleanup_close int fd = -1;

	buf_init(&text, FILE_SIZE_MAX);
	podnet_record_format(record, &text);
	snprintf(temporary, sizeof(temporary), ".new-%s", record->attachment.id);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len ||
	    renameat(dir, temporary, dir, record->attachment.id) < 0) {
		int error = errno;

		unlinkat(dir, temporary, 0);
		return error_set_errno(err, error, "write attachment %s", record->attachment.id);
	}
	return 0;
}

int podnet_state_remove(int dir, const char *id, struct error *err)
{
	if (unlinkat(dir, id, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove attachment %s", id);
	return 0;
}

static int read_record(int dir, const char *name, struct podnet_record *ret, struct error *err)
{
	cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[FILE_SIZE_MAX];
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (len < 0)
		return error_set_errno(err, errno, "read attachment %s", name);
	return podnet_record_parse(str_from(name), (struct str){text, (size_t)len}, ret, err);
}

int podnet_state_read(int dir, int (*each)(void *data, const struct podnet_record *record, struct error *err),
		      void *data, struct error *err)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!list) {
		close_fd(copy);
		return error_set_errno(err, errno, "list attachments");
	}
	while (result >= 0 && (entry = readdir(list))) {
		struct podnet_record record;

		if (entry->d_name[0] == '.')
			continue;
		result = read_record(dir, entry->d_name, &record, err);
		if (result >= 0)
			result = each(data, &record, err);
	}
	closedir(list);
	return result;
}

int podnet_state_reset(const char *path, struct error *err)
{
	DIR *list = opendir(path);
	const struct dirent *entry;

	if (!list)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open folder %s", path);
	while ((entry = readdir(list)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(list), entry->d_name, 0);
	closedir(list);
	if (rmdir(path) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove folder %s", path);
	return 0;
}
