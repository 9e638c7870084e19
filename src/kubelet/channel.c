/* Channels of remote commands; see channel.h. */
#include "kubelet/channel.h"

#include "codec/base64.h"
#include "codec/json.h"

static const struct channel_protocol protocols[] = {
	{"", false, false, false},
	{"v5.channel.k8s.io", false, true, true},
	{"v4.channel.k8s.io", false, true, false},
	{"v4.base64.channel.k8s.io", true, true, false},
	{"channel.k8s.io", false, false, false},
	{"base64.channel.k8s.io", true, false, false},
};

const char *const channel_protocol_names[CHANNEL_PROTOCOLS] = {
	"v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io", "channel.k8s.io", "base64.channel.k8s.io",
};

const struct channel_protocol *channel_protocol_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (str_eq_c(name, protocols[i].name))
			return &protocols[i];
	return &protocols[0];
}

void channel_encode(const struct channel_protocol *protocol, enum channel channel, struct str bytes, struct buf *out)
{
	if (!protocol->base64) {
		buf_char(out, (char)channel);
		buf_str(out, bytes);
		return;
	}
	buf_char(out, (char)('0' + channel));
	base64_encode((struct bytes){(const uint8_t *)bytes.data, bytes.len}, out);
}

bool channel_decode(const struct channel_protocol *protocol, struct str message, struct arena *arena,
		    unsigned *ret_channel, struct str *ret_bytes)
{
	struct error err = {0};
	struct bytes bytes;

	if (message.len == 0)
		return false;
	*ret_channel = (unsigned char)message.data[0];
	*ret_bytes = str_from_at(message, 1);
	if (!protocol->base64)
		return true;
	*ret_channel -= '0';
	if (*ret_channel > 9 || base64_decode(*ret_bytes, arena, &bytes, &err) < 0)
		return false;
	*ret_bytes = (struct str){(const char *)bytes.data, bytes.len};
	return true;
}

static void put_failure(struct str message, const char *rest, struct buf *out)
{
	buf_c(out, "{\"metadata\":{},\"status\":\"Failure\",\"message\":");
	json_write_str(message, out);
	buf_c(out, rest);
}

bool channel_exit(const struct channel_protocol *protocol, int32_t exit_code, struct buf *out)
{
	struct arena cleanup_arena arena = {0};
	struct str message =
		arena_printf(&arena, "command terminated with non-zero exit code: exit status %d", exit_code);
	struct str rest = arena_printf(&arena,
				       ",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{\"reason\":"
				       "\"ExitCode\",\"message\":\"%d\"}]}}",
				       exit_code);

	if (!protocol->status) {
		if (exit_code)
			buf_str(out, message);
		return exit_code != 0;
	}
	if (exit_code)
		put_failure(message, str_c(rest), out);
	else
		buf_c(out, "{\"metadata\":{},\"status\":\"Success\"}");
	return true;
}

void channel_failure(const struct channel_protocol *protocol, struct str message, struct buf *out)
{
	struct arena cleanup_arena arena = {0};

	if (!protocol->status) {
		buf_str(out, message);
		return;
	}
	put_failure(arena_concat(&arena, STR("Internal error occurred: "), message),
		    ",\"reason\":\"InternalError\",\"details\":{\"causes\":[{\"message\":", out);
	json_write_str(message, out);
	buf_c(out, "}]},\"code\":500}");
}

static bool read_size(const struct value *tree, struct str name, uint16_t *ret)
{
	int64_t number = value_get_int(value_get(tree, name), -1);

	if (number < 0 || number > UINT16_MAX)
		return false;
	*ret = (uint16_t)number;
	return true;
}

bool channel_parse_size(struct str json, struct arena *arena, uint16_t *ret_width, uint16_t *ret_height)
{
	struct value *tree;
	struct error err = {0};

	return json_parse(json, arena, NULL, &tree, &err) == 0 && read_size(tree, STR("Width"), ret_width) &&
	       read_size(tree, STR("Height"), ret_height);
}
