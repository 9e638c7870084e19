/* Messages between runtime and shim; see wire.h. */
#include "runtime/shim/wire.h"

#include <endian.h>
#include <sys/socket.h>

#define HEADER_SIZE 8
#define FIELD_SIZE  8

static void put_u16(struct buf *out, uint16_t n)
{
	n = htole16(n);
	buf_append(out, &n, sizeof(n));
}

static void put_u32(struct buf *out, uint32_t n)
{
	n = htole32(n);
	buf_append(out, &n, sizeof(n));
}

static uint16_t get_u16(const char *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return le16toh(n);
}

static uint32_t get_u32(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

void wire_begin(struct buf *out, enum shim_type type)
{
	buf_clear(out);
	put_u32(out, 0); /* filled in by wire_send() */
	put_u16(out, SHIM_VERSION);
	put_u16(out, (uint16_t)type);
}

void wire_put_str(struct buf *out, enum shim_tag tag, struct str value)
{
	put_u16(out, (uint16_t)tag);
	put_u16(out, 0);
	put_u32(out, (uint32_t)value.len);
	buf_str(out, value);
}

void wire_put_int(struct buf *out, enum shim_tag tag, int64_t value)
{
	uint64_t n = htole64((uint64_t)value);

	wire_put_str(out, tag, (struct str){(const char *)&n, sizeof(n)});
}

int wire_send(int fd, struct buf *out, const int *fds, size_t fds_len)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * SHIM_FDS_MAX)];
	} control = {0};
	uint32_t length = htole32((uint32_t)out->len);
	struct iovec part = {out->data, out->len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t n;

	if (out->overflow || out->len < HEADER_SIZE || fds_len > SHIM_FDS_MAX)
		return -EMSGSIZE;
	memcpy(out->data, &length, sizeof(length));
	if (fds_len) {
		struct cmsghdr *header;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
		memcpy(CMSG_DATA(header), fds, sizeof(int) * fds_len);
	}
	do
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, struct wire_message *message)
{
	for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
		size_t count;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (message->fds_len < SHIM_FDS_MAX)
				message->fds[message->fds_len++] = fd;
			else
				close_fd(fd);
		}
	}
}

int wire_receive(int fd, char *buffer, size_t size, struct wire_message *ret)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * SHIM_FDS_MAX)];
	} control;
	struct iovec part = {buffer, size};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.space,
			     .msg_controllen = sizeof(control.space)};
	struct wire_message message = {0};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	take_fds(&msg, &message);
	if (n < HEADER_SIZE || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || get_u32(buffer) != (uint32_t)n) {
		wire_close_fds(&message);
		return -EPROTO;
	}
	message.version = get_u16(buffer + 4);
	message.type = get_u16(buffer + 6);
	message.fields = (struct str){buffer + HEADER_SIZE, (size_t)n - HEADER_SIZE};
	*ret = message;
	return 0;
}

void wire_close_fds(struct wire_message *message)
{
	for (size_t i = 0; i < message->fds_len; i++)
		close_fd(message->fds[i]);
	message->fds_len = 0;
}

bool wire_next(struct str fields, size_t *at, uint16_t *ret_tag, struct str *ret_value)
{
	uint32_t length;

	if (*at + FIELD_SIZE > fields.len)
		return false;
	length = get_u32(fields.data + *at + 4);
	if (length > fields.len - *at - FIELD_SIZE)
		return false;
	*ret_tag = get_u16(fields.data + *at);
	*ret_value = (struct str){fields.data + *at + FIELD_SIZE, length};
	*at += FIELD_SIZE + length;
	return true;
}

struct str wire_get_str(const struct wire_message *message, enum shim_tag tag)
{
	struct str value;
	uint16_t found;

	for (size_t at = 0; wire_next(message->fields, &at, &found, &value);)
		if (found == tag)
			return value;
	return (struct str){0};
}

int64_t wire_int(struct str value)
{
	uint64_t n = 0;

	if (value.len == sizeof(n))
		memcpy(&n, value.data, sizeof(n));
	return (int64_t)le64toh(n);
}

int64_t wire_get_int(const struct wire_message *message, enum shim_tag tag, int64_t missing)
{
	struct str value = wire_get_str(message, tag);

	return value.len == 8 ? wire_int(value) : missing;
}
