/* Kubeconfigs; see kubeconfig.h. */
#include "client/kubeconfig.h"

#include "codec/base64.h"
#include "codec/yaml.h"

/* The `what` ("cluster") of the entry called @name in the list @list ("clusters"). */
static const struct value *entry(const struct value *config, struct str list, struct str name, struct str what)
{
	const struct value *items = value_get(config, list);

	if (!items || items->kind != VALUE_ARRAY)
		return NULL;
	for (size_t i = 0; i < items->array.len; i++)
		if (str_eq(value_get_str(value_get(items->array.items[i], STR("name")), STR_EMPTY), name))
			return value_get(items->array.items[i], what);
	return NULL;
}

static int take_file(struct str path, struct str dir, struct arena *arena, struct credential *ret, struct error *err)
{
	if (path.data[0] != '/')
		path = arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(dir), STR_ARG(path));
	ret->file = path;
	return credential_read(path, arena, &ret->text, err);
}

/* The member @key-data, decoded, else the content of the file that @key names, else empty. */
static int data_or_file(const struct value *from, const char *key, struct str dir, struct arena *arena,
			struct credential *ret, struct error *err)
{
	struct str data = value_get_str(value_get(from, arena_printf(arena, "%s-data", key)), STR_EMPTY);
	struct str path = value_get_str(value_get(from, str_from(key)), STR_EMPTY);
	struct bytes bytes;

	*ret = (struct credential){0};
	if (data.len) {
		if (base64_decode(data, arena, &bytes, err) < 0)
			return error_wrap(err, "%s-data", key);
		ret->text = arena_str(arena, (struct str){(const char *)bytes.data, bytes.len});
		return 0;
	}
	if (!path.len)
		return 0;
	return take_file(path, dir, arena, ret, err);
}

static int take_user(const struct value *user, struct str dir, struct arena *arena, struct credentials_config *out,
		     struct error *err)
{
	struct str token_file;

	if (value_get(user, STR("exec")) || value_get(user, STR("auth-provider")))
		return error_set(err, ERR_BAD_REQUEST, "credential plugins are not supported");
	if (data_or_file(user, "client-certificate", dir, arena, &out->certificate, err) < 0 ||
	    data_or_file(user, "client-key", dir, arena, &out->key, err) < 0)
		return -(int)err->code;
	out->token.text = value_get_str(value_get(user, STR("token")), STR_EMPTY);
	token_file = value_get_str(value_get(user, STR("tokenFile")), STR_EMPTY);
	if (token_file.len) {
		if (take_file(token_file, dir, arena, &out->token, err) < 0)
			return -(int)err->code;
		out->token.text = str_trim(out->token.text);
	}
	return 0;
}

int kubeconfig_parse(struct str text, struct str dir, struct str context, struct arena *arena, struct https_config *ret,
		     struct error *err)
{
	const struct value *chosen, *cluster, *user;
	struct https_config out = {0};
	struct value *config;

	if (yaml_parse(text, arena, NULL, &config, err) < 0)
		return -(int)err->code;
	if (!context.len)
		context = value_get_str(value_get(config, STR("current-context")), STR_EMPTY);
	chosen = entry(config, STR("contexts"), context, STR("context"));
	if (!chosen)
		return error_set(err, ERR_BAD_REQUEST, "context \"" STR_FMT "\" does not exist", STR_ARG(context));
	cluster = entry(config, STR("clusters"), value_get_str(value_get(chosen, STR("cluster")), STR_EMPTY),
			STR("cluster"));
	user = entry(config, STR("users"), value_get_str(value_get(chosen, STR("user")), STR_EMPTY), STR("user"));
	if (!cluster)
		return error_set(err, ERR_BAD_REQUEST, "the cluster of context \"" STR_FMT "\" does not exist",
				 STR_ARG(context));
	out.server = value_get_str(value_get(cluster, STR("server")), STR_EMPTY);
	out.server_name = value_get_str(value_get(cluster, STR("tls-server-name")), STR_EMPTY);
	out.credentials.insecure = value_get_bool(value_get(cluster, STR("insecure-skip-tls-verify")), false);
	if (!out.server.len)
		return error_set(err, ERR_BAD_REQUEST, "the cluster of context \"" STR_FMT "\" has no server",
				 STR_ARG(context));
	while (out.server.len && out.server.data[out.server.len - 1] == '/')
		out.server.len--;
	if (data_or_file(cluster, "certificate-authority", dir, arena, &out.credentials.ca, err) < 0 ||
	    (user && take_user(user, dir, arena, &out.credentials, err) < 0))
		return -(int)err->code;
	*ret = out;
	return 0;
}

int kubeconfig_load(const char *path, struct str context, struct arena *arena, struct https_config *ret,
		    struct error *err)
{
	ptrdiff_t slash = str_last_index(str_from(path), '/');
	struct str dir = slash >= 0 ? arena_str(arena, str_sub(str_from(path), 0, (size_t)slash + 1)) : STR(".");
	char *cleanup_free whole = realpath(str_c(dir), NULL);
	struct str text;

	if (!whole)
		return error_set_errno(err, errno, "folder " STR_FMT, STR_ARG(dir));
	if (credential_read(str_from(path), arena, &text, err) < 0)
		return -(int)err->code;
	if (kubeconfig_parse(text, arena_str_c(arena, whole), context, arena, ret, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}
