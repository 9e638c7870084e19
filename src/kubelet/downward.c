/* Fields and resources of a pod for its containers; see env.h and downward.h. */
#include "kubelet/downward.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "kubelet/node_status.h"
#include "kubelet/volumes.h"
#include "types/quantity.h"
#include "types/timestamp.h"
#include "types/validate_name.h"

#define SEEN_ANNOTATION	  "kubernetes.io/config.seen"
#define SOURCE_ANNOTATION "kubernetes.io/config.source"
#define MAP_TEXT_MAX	  (8 * MIB) /* labels and annotations, quoted */

/* --- Fields ------------------------------------------------------------------------------------------------------ */

static struct str map_get_text(const struct str_map *map, struct str key)
{
	SLICE_FOREACH (pair, *map)
		if (str_eq(pair->key, key))
			return pair->value;
	return STR_EMPTY;
}

static void quote_char(struct buf *out, unsigned char c)
{
	static const char escapes[][2] = {{'\a', 'a'}, {'\b', 'b'}, {'\f', 'f'},  {'\n', 'n'}, {'\r', 'r'},
					  {'\t', 't'}, {'\v', 'v'}, {'\\', '\\'}, {'"', '"'}};

	for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
		if (c == (unsigned char)escapes[i][0]) {
			buf_char(out, '\\');
			buf_char(out, escapes[i][1]);
			return;
		}
	if (c < 0x20 || c == 0x7f)
		buf_printf(out, "\\x%02x", c);
	else
		buf_char(out, (char)c);
}

/* Lines key="value", the value quoted as Go's strconv.Quote has it; maps are sorted by key. */
static struct str map_text(const struct str_map *map, struct arena *arena)
{
	struct buf cleanup_buf out;

	buf_init(&out, MAP_TEXT_MAX);
	SLICE_FOREACH (pair, *map) {
		if (out.len)
			buf_char(&out, '\n');
		buf_str(&out, pair->key);
		buf_c(&out, "=\"");
		for (size_t i = 0; i < pair->value.len; i++)
			quote_char(&out, (unsigned char)pair->value.data[i]);
		buf_char(&out, '"');
	}
	return arena_str(arena, buf_view(&out));
}

static struct str ips_text(const struct runtime_ips *ips, size_t most, struct arena *arena)
{
	struct str out = STR_EMPTY;

	for (size_t i = 0; i < ips->len && i < most; i++) {
		char text[IP_TEXT_SIZE];

		ip_format(&ips->items[i], text);
		out = arena_printf(arena, STR_FMT "%s%s", STR_ARG(out), i ? "," : "", text);
	}
	return out;
}

/* "metadata.labels['a']" -> "metadata.labels" and "a". */
static bool split_subscript(struct str path, struct str *ret_path, struct str *ret_key)
{
	ptrdiff_t at = str_index(path, '[');

	if (at <= 0 || !str_has_suffix(path, STR("']")) || (size_t)at + 4 > path.len || path.data[at + 1] != '\'')
		return false;
	*ret_path = str_sub(path, 0, (size_t)at);
	*ret_key = str_sub(path, (size_t)at + 2, path.len - (size_t)at - 4);
	return true;
}

static int subscripted(const struct core_v1_pod *pod, struct str path, struct str map, struct str key,
		       struct arena *arena, struct str *ret, struct error *err)
{
	bool annotations = str_eq(map, STR("metadata.annotations"));
	struct name_problems problems;
	char *lower;

	if (!annotations && !str_eq(map, STR("metadata.labels")))
		return error_set(err, ERR_BAD_REQUEST, "fieldPath \"" STR_FMT "\" does not support subscript",
				 STR_ARG(path));
	lower = arena_alloc(arena, key.len + 1);
	for (size_t i = 0; i < key.len; i++) {
		char c = key.data[i];

		lower[i] = annotations && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	problems = name_is_qualified((struct str){lower, key.len});
	if (!name_ok(problems))
		return error_set(err, ERR_BAD_REQUEST, "invalid key subscript in " STR_FMT ": " STR_FMT, STR_ARG(path),
				 STR_ARG(name_problems_join(problems, ";", arena)));
	*ret = map_get_text(annotations ? &pod->metadata.annotations : &pod->metadata.labels, key);
	return 0;
}

int downward_field(const struct core_v1_pod *pod, const struct downward *downward, struct str path, struct arena *arena,
		   struct str *ret, struct error *err)
{
	struct str map, key;

	if (split_subscript(path, &map, &key))
		return subscripted(pod, path, map, key, arena, ret, err);
	if (str_eq(path, STR("metadata.name")))
		*ret = pod->metadata.name;
	else if (str_eq(path, STR("metadata.namespace")))
		*ret = pod->metadata.namespace;
	else if (str_eq(path, STR("metadata.uid")))
		*ret = pod->metadata.uid;
	else if (str_eq(path, STR("metadata.labels")))
		*ret = map_text(&pod->metadata.labels, arena);
	else if (str_eq(path, STR("metadata.annotations")))
		*ret = map_text(&pod->metadata.annotations, arena);
	else if (str_eq(path, STR("spec.nodeName")))
		*ret = pod->spec.node_name;
	else if (str_eq(path, STR("spec.serviceAccountName")))
		*ret = pod->spec.service_account_name;
	else if (str_eq(path, STR("status.podIP")))
		*ret = ips_text(&downward->pod_ips, 1, arena);
	else if (str_eq(path, STR("status.podIPs")))
		*ret = ips_text(&downward->pod_ips, SIZE_MAX, arena);
	else if (str_eq(path, STR("status.hostIP")))
		*ret = ips_text(&downward->host_ips, 1, arena);
	else if (str_eq(path, STR("status.hostIPs")))
		*ret = ips_text(&downward->host_ips, SIZE_MAX, arena);
	else
		return error_set(err, ERR_BAD_REQUEST, "unsupported fieldPath: " STR_FMT, STR_ARG(path));
	return 0;
}

/* --- Resources --------------------------------------------------------------------------------------------------- */

static const struct quantity *find(const struct quantity_map *map, struct str name)
{
	SLICE_FOREACH (pair, *map)
		if (str_eq(pair->key, name))
			return &pair->value;
	return NULL;
}

int downward_resource(const struct core_v1_container *container, const struct downward *downward,
		      const struct core_v1_resource_field_selector *selector, struct arena *arena, struct str *ret,
		      struct error *err)
{
	struct quantity zero = quantity_from_int(0, QUANTITY_DECIMAL_SI),
			one = quantity_from_int(1, QUANTITY_DECIMAL_SI);
	const struct quantity *amount = NULL,
			      *divisor = quantity_sign(&selector->divisor) > 0 ? &selector->divisor : &one;
	bool limit = str_has_prefix(selector->resource, STR("limits."));
	bool request = str_has_prefix(selector->resource, STR("requests."));
	struct str name = str_from_at(selector->resource, limit ? 7 : 9);
	int64_t dividend, by;

	if ((!limit && !request) ||
	    (!str_eq(name, STR("cpu")) && !str_eq(name, STR("memory")) && !str_eq(name, STR("ephemeral-storage")) &&
	     !str_has_prefix(name, STR("hugepages-"))))
		return error_set(err, ERR_BAD_REQUEST, "unsupported container resource : " STR_FMT,
				 STR_ARG(selector->resource));
	amount = find(limit ? &container->resources.limits : &container->resources.requests, name);
	if (!amount && limit)
		amount = find(&downward->node_allocatable, name);
	if (!amount)
		amount = &zero;
	if (str_eq(name, STR("cpu"))) {
		dividend = quantity_milli_value(amount);
		by = quantity_milli_value(divisor);
	} else {
		dividend = quantity_value(amount);
		by = quantity_value(divisor);
	}
	by = MAX(by, INT64_C(1));
	*ret = arena_printf(arena, "%lld", (long long)(dividend / by + (dividend % by > 0)));
	return 0;
}

struct downward downward_of_node(const struct kubelet_context *context, struct arena *arena)
{
	return (struct downward){.host_ips = context->config->node_ips,
				 .node_allocatable = node_allocatable(context, arena)};
}

/* --- The pod ------------------------------------------------------------------------------------------------------ */

const struct core_v1_container *downward_container(const struct core_v1_pod *pod, struct str name)
{
	SLICE_FOREACH (container, pod->spec.containers)
		if (str_eq(container->name, name))
			return container;
	SLICE_FOREACH (container, pod->spec.init_containers)
		if (str_eq(container->name, name))
			return container;
	return NULL;
}

/* When the kubelet first saw the pod: its folder's birth; a restart does not change it. */
static bool seen_at(struct str dir, struct arena *arena, struct str *ret)
{
	char text[TIMESTAMP_TEXT_SIZE];
	struct statx info;
	size_t len;

	if (statx(AT_FDCWD, str_c(dir), 0, STATX_BTIME, &info) < 0 || !(info.stx_mask & STATX_BTIME))
		return false;
	len = timestamp_format(timestamp_make(info.stx_btime.tv_sec, 0), text);
	if (!len)
		return false;
	*ret = arena_printf(arena, "%.*s.%09uZ", (int)len - 1, text, info.stx_btime.tv_nsec);
	return true;
}

const struct core_v1_pod *downward_pod(const struct kubelet_context *context, const struct core_v1_pod *pod,
				       struct arena *arena)
{
	struct core_v1_pod *copy = ARENA_DUP(arena, struct core_v1_pod, pod);
	VEC_OF(struct str_pair) all = {0};
	struct str_pair added[2];
	size_t added_len = 0, next = 0;

	if (seen_at(pod_dir(context, pod->metadata.uid, arena), arena, &added[0].value))
		added[added_len++].key = STR(SEEN_ANNOTATION);
	added[added_len++] = (struct str_pair){STR(SOURCE_ANNOTATION), STR("api")};
	SLICE_FOREACH (pair, pod->metadata.annotations) {
		while (next < added_len && str_cmp(added[next].key, pair->key) < 0)
			vec_push(arena, &all, added[next++]);
		/* The kubelet's word goes before the user's. */
		if (!str_eq(pair->key, STR(SEEN_ANNOTATION)) && !str_eq(pair->key, STR(SOURCE_ANNOTATION)))
			vec_push(arena, &all, *pair);
	}
	while (next < added_len)
		vec_push(arena, &all, added[next++]);
	copy->metadata.annotations = (struct str_map){all.items, all.len};
	return copy;
}
