/* Frames from a child to its supervisor; see handover.h. */
#include "cmd/handover.h"

#include "base/limits.h"
#include "sys/path.h"

struct header {
	uint32_t kind, size;
};

int handover_send(int pipe, enum handover_kind kind, struct str bytes, struct error *err)
{
	struct header header = {kind, (uint32_t)bytes.len};
	int result;

	if (pipe < 0)
		return 0;
	assert(bytes.len <= LIMIT_HANDOVER);
	result = path_write_all(pipe, &header, sizeof(header));
	if (result == 0)
		result = path_write_all(pipe, bytes.data, bytes.len);
	return result < 0 ? error_set_errno(err, -result, "hand over to the supervisor") : 0;
}

int handover_take(const struct buf *in, enum handover_kind *ret_kind, struct str *ret_bytes)
{
	struct header header;

	if (in->len < sizeof(header))
		return 0;
	memcpy(&header, in->data, sizeof(header));
	if (header.kind >= HANDOVER_MAX || header.size > LIMIT_HANDOVER)
		return -EBADMSG;
	if (in->len < sizeof(header) + header.size)
		return 0;
	*ret_kind = (enum handover_kind)header.kind;
	*ret_bytes = (struct str){in->data + sizeof(header), header.size};
	return 1;
}

void handover_drop(struct buf *in, struct str bytes)
{
	buf_consume(in, sizeof(struct header) + bytes.len);
}
