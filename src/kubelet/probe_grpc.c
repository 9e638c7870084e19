/*
 * gRPC's health check; see probe_grpc.h.
 *
 * A message is a byte that says whether it is compressed, its length in four bytes, and its protobuf: the request's
 * field 1 is the service's name, the answer's field 1 a status.  The call's own end is in the header or trailer
 * grpc-status.
 */
#include "kubelet/probe_grpc.h"

#include "base/clock.h"
#include "base/limits.h"
#include "codec/proto.h"
#include "kubelet/probe_call.h"
#include "net/url.h"

#define PREFIX_SIZE   5
#define REQUEST_LIMIT (64 * KIB)

#define CODES(X)                                                                                                       \
	X(OK, "OK")                                                                                                    \
	X(CANCELED, "Canceled")                                                                                        \
	X(UNKNOWN, "Unknown")                                                                                          \
	X(INVALID_ARGUMENT, "InvalidArgument")                                                                         \
	X(DEADLINE_EXCEEDED, "DeadlineExceeded")                                                                       \
	X(NOT_FOUND, "NotFound")                                                                                       \
	X(ALREADY_EXISTS, "AlreadyExists")                                                                             \
	X(PERMISSION_DENIED, "PermissionDenied")                                                                       \
	X(RESOURCE_EXHAUSTED, "ResourceExhausted")                                                                     \
	X(FAILED_PRECONDITION, "FailedPrecondition")                                                                   \
	X(ABORTED, "Aborted")                                                                                          \
	X(OUT_OF_RANGE, "OutOfRange")                                                                                  \
	X(UNIMPLEMENTED, "Unimplemented")                                                                              \
	X(INTERNAL, "Internal")                                                                                        \
	X(UNAVAILABLE, "Unavailable")                                                                                  \
	X(DATA_LOSS, "DataLoss")                                                                                       \
	X(UNAUTHENTICATED, "Unauthenticated")

enum grpc_code {
#define X(name, text) GRPC_##name,
	CODES(X)
#undef X
		GRPC_CODE_MAX
};

static const char *const code_names[GRPC_CODE_MAX] = {
#define X(name, text) [GRPC_##name] = text,
	CODES(X)
#undef X
};

enum health { HEALTH_UNKNOWN, HEALTH_SERVING, HEALTH_NOT_SERVING, HEALTH_SERVICE_UNKNOWN, HEALTH_MAX };

static const char *const health_names[HEALTH_MAX] = {
	[HEALTH_UNKNOWN] = "UNKNOWN",
	[HEALTH_SERVING] = "SERVING",
	[HEALTH_NOT_SERVING] = "NOT_SERVING",
	[HEALTH_SERVICE_UNKNOWN] = "SERVICE_UNKNOWN",
};

/* What came of the call. */
struct outcome {
	enum grpc_code code;
	struct str message; /* of a code other than OK */
	uint64_t health;
};

static struct str request_message(struct str service, struct arena *arena)
{
	struct buf cleanup_buf out;
	struct proto_writer writer;
	size_t len;

	buf_init(&out, REQUEST_LIMIT);
	proto_writer_init(&writer, REQUEST_LIMIT - PREFIX_SIZE);
	if (service.len)
		proto_put_str(&writer, 1, service);
	len = proto_mark(&writer);
	buf_char(&out, 0); /* not compressed */
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_char(&out, (char)(len >> shift & 0xff));
	proto_writer_flush(&writer, &out);
	proto_writer_release(&writer);
	return arena_str(arena, buf_view(&out));
}

/* The status of an answer; UNKNOWN when it names none, as for any absent field. */
static int parse_health(struct str body, uint64_t *ret, struct error *err)
{
	struct bytes message = {(const uint8_t *)body.data, body.len};
	struct proto_reader reader;
	uint64_t tag, health = HEALTH_UNKNOWN;
	size_t len = 0;

	for (size_t i = 1; i < PREFIX_SIZE && body.len >= PREFIX_SIZE; i++)
		len = len << 8 | message.data[i];
	if (body.len < PREFIX_SIZE || message.data[0] != 0 || len != body.len - PREFIX_SIZE)
		return error_set(err, ERR_BAD_REQUEST, "the answer is no message");
	reader = proto_reader((struct bytes){message.data + PREFIX_SIZE, len});
	while (!proto_done(&reader)) {
		if (proto_read_varint(&reader, &tag, err) < 0)
			return -(int)err->code;
		if (tag == (1 << 3 | PROTO_VARINT) ? proto_read_varint(&reader, &health, err) < 0
						   : proto_skip(&reader, tag & 7, err) < 0)
			return -(int)err->code;
	}
	*ret = health;
	return 0;
}

/* A server that knows nothing of gRPC answers with HTTP's own words (gRPC over HTTP/2, "HTTP to gRPC Status Code"). */
static enum grpc_code code_of_http(int status)
{
	switch (status) {
	case 400:
		return GRPC_INTERNAL;
	case 401:
		return GRPC_UNAUTHENTICATED;
	case 403:
		return GRPC_PERMISSION_DENIED;
	case 404:
		return GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return GRPC_UNAVAILABLE;
	default:
		return GRPC_UNKNOWN;
	}
}

static struct outcome outcome_of(const struct http_result *answer, struct arena *arena)
{
	struct str status = http_headers_get(answer->headers, STR("grpc-status")), message;
	struct outcome out = {.code = GRPC_UNKNOWN};
	struct error err = {0};
	uint64_t code;

	if (!status.len && answer->status != 200) {
		out.code = code_of_http(answer->status);
		out.message = arena_printf(arena, "unexpected HTTP status code received from server: %d (%s)",
					   answer->status, http_status_text(answer->status));
	} else if (str_parse_uint64(status, &code) < 0) {
		out.message = STR("server closed the stream without sending trailers");
	} else if (code != GRPC_OK) {
		out.code = code < GRPC_CODE_MAX ? (enum grpc_code)code : GRPC_UNKNOWN;
		message = http_headers_get(answer->headers, STR("grpc-message"));
		if (url_decode_path(message, arena, &out.message) < 0)
			out.message = message;
	} else if (parse_health(answer->body, &out.health, &err) < 0) {
		out.code = GRPC_INTERNAL;
		out.message = arena_printf(arena, "failed to unmarshal the received message: %s", err.message);
	} else {
		out.code = GRPC_OK;
	}
	return out;
}

static enum probe_outcome judge(const struct outcome *outcome, int64_t timeout_s, struct arena *arena,
				struct str *ret_text)
{
	if (outcome->code == GRPC_OK && outcome->health == HEALTH_SERVING) {
		*ret_text = STR("service healthy");
		return PROBE_GOOD;
	}
	if (outcome->code == GRPC_OK && outcome->health < HEALTH_MAX)
		*ret_text =
			arena_printf(arena, "service unhealthy (responded with \"%s\")", health_names[outcome->health]);
	else if (outcome->code == GRPC_OK)
		*ret_text = arena_printf(arena, "service unhealthy (responded with \"%llu\")",
					 (unsigned long long)outcome->health);
	else if (outcome->code == GRPC_UNIMPLEMENTED)
		*ret_text = arena_printf(arena,
					 "error: this server does not implement the grpc health protocol "
					 "(grpc.health.v1.Health): " STR_FMT,
					 STR_ARG(outcome->message));
	else if (outcome->code == GRPC_DEADLINE_EXCEEDED)
		*ret_text =
			arena_printf(arena, "timeout: health rpc did not complete within %llds", (long long)timeout_s);
	else
		*ret_text = arena_printf(arena, "error: health rpc probe failed: rpc error: code = %s desc = " STR_FMT,
					 code_names[outcome->code], STR_ARG(outcome->message));
	return PROBE_BAD;
}

enum probe_outcome probe_grpc(const struct kubelet_context *context, const struct probe_target *target,
			      const struct core_v1_grpc_action *action, int64_t timeout_s, struct arena *arena,
			      struct str *ret_text)
{
	bool brackets = str_index(target->host, ':') >= 0;
	struct str where = arena_printf(arena, "%s" STR_FMT "%s:%d", brackets ? "[" : "", STR_ARG(target->host),
					brackets ? "]" : "", action->port);
	struct str service = action->service ? *action->service : STR_EMPTY;
	const struct probe_call call = {
		.http = {.method = "POST",
			 .url = arena_printf(arena, "http://" STR_FMT "/grpc.health.v1.Health/Check", STR_ARG(where)),
			 .headers = HTTP_HEADERS({STR("content-type"), STR("application/grpc")},
						 {STR("te"), STR("trailers")},
						 {STR("user-agent"), STR("kube-probe/1.36")}),
			 .body = PAYLOAD(request_message(service, arena)),
			 .timeout = timeout_s * NS_PER_SEC},
		.http2 = true,
	};
	struct http_result answer;
	struct outcome outcome = {.code = GRPC_DEADLINE_EXCEEDED};
	struct error err = {0};

	if (probe_call(context, &call, arena, &answer, &err) == 0) {
		outcome = outcome_of(&answer, arena);
	} else if (err.code != ERR_TIMEOUT) {
		*ret_text = arena_printf(arena,
					 "timeout: failed to connect service \"" STR_FMT
					 "\" within %llds: context deadline exceeded",
					 STR_ARG(where), (long long)timeout_s);
		return PROBE_BAD;
	}
	return judge(&outcome, timeout_s, arena, ret_text);
}
