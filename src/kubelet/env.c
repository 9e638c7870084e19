/* A container's environment; see env.h. */
#include "kubelet/env.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/map.h"
#include "kubelet/downward.h"
#include "kubelet/env_file.h"
#include "kubelet/references.h"
#include "kubelet/service_env.h"
#include "kubelet/volumes.h"
#include "sys/path.h"

#define ENV_FILE_MAX (1 * MIB)

/* --- $(VAR) ------------------------------------------------------------------------------------------------------ */

typedef bool lookup_fn(void *cookie, struct str name, struct str *ret);

/* One reference at @text, which begins with $; how many bytes it takes. */
static size_t expand_one(struct str text, lookup_fn *lookup, void *cookie, struct buf *out)
{
	struct str value;
	ptrdiff_t end;

	if (text.len < 2) {
		buf_char(out, '$');
		return 1;
	}
	if (text.data[1] == '$') {
		buf_char(out, '$');
		return 2;
	}
	end = text.data[1] == '(' ? str_index(text, ')') : -1;
	if (end < 0) {
		/* No reference: the $ and what follows it stay. */
		buf_str(out, str_sub(text, 0, 2));
		return 2;
	}
	if (lookup(cookie, str_sub(text, 2, (size_t)end - 2), &value))
		buf_str(out, value);
	else
		buf_str(out, str_sub(text, 0, (size_t)end + 1));
	return (size_t)end + 1;
}

static struct str expand(struct str text, lookup_fn *lookup, void *cookie, struct arena *arena)
{
	struct buf cleanup_buf out;
	size_t at = 0;

	buf_init(&out, LIMIT_REQUEST_BODY);
	while (at < text.len) {
		if (text.data[at] == '$')
			at += expand_one(str_from_at(text, at), lookup, cookie, &out);
		else
			buf_char(&out, text.data[at++]);
	}
	return arena_str(arena, buf_view(&out));
}

static bool find_pair(void *cookie, struct str name, struct str *ret)
{
	const struct runtime_pairs *envs = cookie;

	for (size_t i = envs->len; i > 0; i--)
		if (str_eq(envs->items[i - 1].key, name)) {
			*ret = envs->items[i - 1].value;
			return true;
		}
	return false;
}

struct str env_expand(struct str text, struct runtime_pairs envs, struct arena *arena)
{
	return expand(text, find_pair, &envs, arena);
}

struct known {
	struct runtime_pairs envs;
	struct str missing;
};

static bool find_known(void *cookie, struct str name, struct str *ret)
{
	struct known *known = cookie;

	/* An empty part of a path is none. */
	if (find_pair(&known->envs, name, ret) && ret->len)
		return true;
	if (!known->missing.data)
		known->missing = name;
	return false;
}

bool env_expand_known(struct str text, struct runtime_pairs envs, struct arena *arena, struct str *ret)
{
	struct known known = {.envs = envs};
	struct str out = expand(text, find_known, &known, arena);

	*ret = known.missing.data ? known.missing : out;
	return !known.missing.data;
}

/* --- Sources ------------------------------------------------------------------------------------------------------ */

struct resolving {
	const struct kubelet_context *context;
	const struct core_v1_pod *pod;
	const struct core_v1_container *container;
	const struct downward *downward;
	struct arena *arena;
	struct map by_name;		     /* name -> the pair in it */
	VEC_OF(struct runtime_pair *) pairs; /* in the order they were first set */
};

static void set(struct resolving *r, struct str key, struct str value)
{
	struct runtime_pair *pair = map_get(&r->by_name, key);

	if (!pair) {
		pair = ARENA_NEW(r->arena, struct runtime_pair);
		pair->key = key;
		map_set(&r->by_name, pair->key, pair);
		vec_push(r->arena, &r->pairs, pair);
	}
	pair->value = value;
}

static bool find_set(void *cookie, struct str name, struct str *ret)
{
	const struct runtime_pair *pair = map_get(&((struct resolving *)cookie)->by_name, name);

	if (pair)
		*ret = pair->value;
	return pair != NULL;
}

static bool is_true(const bool *b)
{
	return b && *b;
}

static struct str text_of(struct bytes bytes, struct arena *arena)
{
	return arena_str(arena, (struct str){(const char *)bytes.data, bytes.len});
}

/* A missing object that may be missing is no error; @ret_skip says so. */
static int excuse(struct error *got, const bool *optional, bool *ret_skip, struct error *err)
{
	if (got->code != ERR_NOT_FOUND || !is_true(optional))
		return error_pass(err, got);
	*ret_skip = true;
	return 0;
}

static int from_config_map(struct resolving *r, const struct core_v1_env_from_source *from, struct error *err)
{
	const struct core_v1_config_map *map;
	struct error got = {0};
	bool skip;

	if (reference_config_map(r->context, r->pod, from->config_map_ref->local_object_reference.name, r->arena, &map,
				 &got) < 0)
		return excuse(&got, from->config_map_ref->optional, &skip, err);
	SLICE_FOREACH (pair, map->data)
		set(r, arena_concat(r->arena, from->prefix, pair->key), pair->value);
	return 0;
}

static int from_secret(struct resolving *r, const struct core_v1_env_from_source *from, struct error *err)
{
	const struct core_v1_secret *secret;
	struct error got = {0};
	bool skip;

	if (reference_secret(r->context, r->pod, from->secret_ref->local_object_reference.name, r->arena, &secret,
			     &got) < 0)
		return excuse(&got, from->secret_ref->optional, &skip, err);
	SLICE_FOREACH (pair, secret->data)
		set(r, arena_concat(r->arena, from->prefix, pair->key), text_of(pair->value, r->arena));
	return 0;
}

static int config_map_key(struct resolving *r, const struct core_v1_config_map_key_selector *selector, bool *ret_skip,
			  struct str *ret, struct error *err)
{
	struct str name = selector->local_object_reference.name;
	const struct core_v1_config_map *map;
	struct error got = {0};

	if (reference_config_map(r->context, r->pod, name, r->arena, &map, &got) < 0)
		return excuse(&got, selector->optional, ret_skip, err);
	SLICE_FOREACH (pair, map->data)
		if (str_eq(pair->key, selector->key)) {
			*ret = pair->value;
			return 0;
		}
	error_set(&got, ERR_NOT_FOUND, "couldn't find key " STR_FMT " in ConfigMap " STR_FMT "/" STR_FMT,
		  STR_ARG(selector->key), STR_ARG(r->pod->metadata.namespace), STR_ARG(name));
	return excuse(&got, selector->optional, ret_skip, err);
}

static int secret_key(struct resolving *r, const struct core_v1_secret_key_selector *selector, bool *ret_skip,
		      struct str *ret, struct error *err)
{
	struct str name = selector->local_object_reference.name;
	const struct core_v1_secret *secret;
	struct error got = {0};

	if (reference_secret(r->context, r->pod, name, r->arena, &secret, &got) < 0)
		return excuse(&got, selector->optional, ret_skip, err);
	SLICE_FOREACH (pair, secret->data)
		if (str_eq(pair->key, selector->key)) {
			*ret = text_of(pair->value, r->arena);
			return 0;
		}
	error_set(&got, ERR_NOT_FOUND, "couldn't find key " STR_FMT " in Secret " STR_FMT "/" STR_FMT,
		  STR_ARG(selector->key), STR_ARG(r->pod->metadata.namespace), STR_ARG(name));
	return excuse(&got, selector->optional, ret_skip, err);
}

static bool read_regular(int fd, struct buf *out)
{
	struct stat info;
	char chunk[4096];
	ssize_t n;

	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
		return false;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0 && !out->overflow)
		buf_append(out, chunk, (size_t)n);
	return n == 0;
}

/* The file lies in an emptyDir and is a container's work: it is opened beneath the volume, and its size is bounded. */
static int file_key(struct resolving *r, const struct core_v1_file_key_selector *selector, bool *ret_skip,
		    struct str *ret, struct error *err)
{
	struct str dir = volume_dir(r->context, r->pod->metadata.uid, "kubernetes.io/empty-dir", selector->volume_name,
				    r->arena);
	cleanup_close int root = open(str_c(dir), O_PATH | O_DIRECTORY | O_CLOEXEC), file = -1;
	struct buf cleanup_buf text;

	buf_init(&text, ENV_FILE_MAX);
	if (root < 0)
		return error_set(err, ERR_NOT_FOUND, "cannot find the volume \"" STR_FMT "\" referenced by FileKeyRef",
				 STR_ARG(selector->volume_name));
	/* Not blocking: it could be a pipe. */
	file = path_open_beneath(root, str_c(arena_str(r->arena, selector->path)), O_RDONLY | O_NONBLOCK | O_CLOEXEC,
				 0);
	if (!read_regular(file, &text) || !env_file_find(buf_view(&text), selector->key, r->arena, ret))
		return error_set(err, ERR_INVALID, "couldn't parse env file");
	*ret = arena_str(r->arena, *ret);
	if (ret->len)
		return 0;
	if (is_true(selector->optional)) {
		*ret_skip = true;
		return 0;
	}
	return error_set(err, ERR_NOT_FOUND,
			 "environment variable key \"" STR_FMT "\" not found in file \"" STR_FMT "/" STR_FMT "\"",
			 STR_ARG(selector->key), STR_ARG(dir), STR_ARG(selector->path));
}

static int resource_field(struct resolving *r, const struct core_v1_resource_field_selector *selector, struct str *ret,
			  struct error *err)
{
	const struct core_v1_container *container = r->container;

	if (selector->container_name.len)
		container = downward_container(r->pod, selector->container_name);
	if (!container)
		return error_set(err, ERR_NOT_FOUND, "container " STR_FMT " not found",
				 STR_ARG(selector->container_name));
	return downward_resource(container, r->downward, selector, r->arena, ret, err);
}

static int value_from(struct resolving *r, const struct core_v1_env_var_source *source, bool *ret_skip, struct str *ret,
		      struct error *err)
{
	if (source->field_ref)
		return downward_field(r->pod, r->downward, source->field_ref->field_path, r->arena, ret, err);
	if (source->resource_field_ref)
		return resource_field(r, source->resource_field_ref, ret, err);
	if (source->config_map_key_ref)
		return config_map_key(r, source->config_map_key_ref, ret_skip, ret, err);
	if (source->secret_key_ref)
		return secret_key(r, source->secret_key_ref, ret_skip, ret, err);
	if (source->file_key_ref)
		return file_key(r, source->file_key_ref, ret_skip, ret, err);
	return 0;
}

/* --- All of it -----------------------------------------------------------------------------------------------------
 */

static void add_services(struct resolving *r)
{
	const bool *links = r->pod->spec.enable_service_links;
	struct object **services = NULL;
	struct runtime_pairs pairs;
	size_t len = 0;

	r->context->services_of(r->context->cookie, r->pod->metadata.namespace, r->arena, &services, &len);
	pairs = service_env(services, len, r->pod->metadata.namespace, !links || *links, r->arena);
	for (size_t i = 0; i < pairs.len; i++)
		set(r, pairs.items[i].key, pairs.items[i].value);
}

static int add_env_from(struct resolving *r, struct error *err)
{
	SLICE_FOREACH (from, r->container->env_from) {
		if (from->config_map_ref && from_config_map(r, from, err) < 0)
			return -(int)err->code;
		if (from->secret_ref && from_secret(r, from, err) < 0)
			return -(int)err->code;
	}
	return 0;
}

static int add_env(struct resolving *r, struct error *err)
{
	SLICE_FOREACH (env, r->container->env) {
		struct str value = STR_EMPTY;
		bool skip = false;

		if (env->value.len)
			value = expand(env->value, find_set, r, r->arena);
		else if (env->value_from && value_from(r, env->value_from, &skip, &value, err) < 0)
			return -(int)err->code;
		if (!skip)
			set(r, env->name, value);
	}
	return 0;
}

int env_resolve(const struct kubelet_context *context, const struct core_v1_pod *pod,
		const struct core_v1_container *container, const struct downward *downward, struct arena *arena,
		struct runtime_pairs *ret, struct error *err)
{
	struct resolving r = {context, downward_pod(context, pod, arena), container, downward, arena, {0}, {0}};
	struct runtime_pair *out;
	int result;

	add_services(&r);
	result = add_env_from(&r, err);
	if (result == 0)
		result = add_env(&r, err);
	if (result == 0) {
		out = ARENA_NEW_N(arena, struct runtime_pair, r.pairs.len + 1);
		for (size_t i = 0; i < r.pairs.len; i++)
			out[i] = *r.pairs.items[i];
		*ret = (struct runtime_pairs){out, r.pairs.len};
	}
	map_release(&r.by_name);
	return result;
}
