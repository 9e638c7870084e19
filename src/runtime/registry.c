/* The registry protocol; see registry.h. */
#include "runtime/registry.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <yyjson.h>

#include "base/limits.h"
#include "runtime/digest.h"
#include "runtime/image_internal.h"
#include "sys/path.h"

#define ACCEPT                                                                                                         \
	"application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "         \
	"application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
#define DENIED                                                                                                         \
	"pull access denied, repository does not exist or may require authorization: server message: "                 \
	"insufficient_scope: authorization failed"

struct pull {
	struct image_source source;
	struct image_store *store;
	struct registry_transport *transport;
	const struct image_name *name;
	const struct runtime_auth *auth;
	struct arena *arena;
	struct str base;	  /* ".../v2/library/busybox" */
	struct str authorization; /* what the registry accepted last */
};

/* ---- addresses ---- */

static bool is_loopback(struct str domain)
{
	struct str host = domain, port;
	struct ip_address address;

	if (domain.len && domain.data[0] == '[')
		host = str_sub(domain, 1, (size_t)MAX(str_index(domain, ']') - 1, 0));
	else
		str_cut(domain, ':', &host, &port);
	return str_eq_c(host, "localhost") || (ip_parse(host, &address) == 0 && ip_is_loopback(&address));
}

struct str registry_base_url(struct str domain, struct arena *arena)
{
	/* The names' default domain is not the address of its registry. */
	if (str_eq_c(domain, "docker.io"))
		return arena_printf(arena, "https://registry-1." STR_FMT, STR_ARG(domain));
	return arena_printf(arena, "%s://" STR_FMT, is_loopback(domain) ? "http" : "https", STR_ARG(domain));
}

/* ---- authentication ---- */

struct str registry_challenge_get(struct str challenge, const char *key, struct arena *arena)
{
	size_t key_len = strlen(key), at = 0;

	/* key=value or key="value with \" in it", separated by commas and blanks, after the scheme's word. */
	while (at < challenge.len && challenge.data[at] != ' ')
		at++;
	while (at < challenge.len) {
		size_t start, name_len;
		struct buf cleanup_buf value;

		while (at < challenge.len && memchr(" ,\t", challenge.data[at], 3))
			at++;
		start = at;
		while (at < challenge.len && challenge.data[at] != '=')
			at++;
		name_len = at - start;
		at++;
		buf_init(&value, 4096);
		if (at < challenge.len && challenge.data[at] == '"') {
			for (at++; at < challenge.len && challenge.data[at] != '"'; at++) {
				if (challenge.data[at] == '\\' && at + 1 < challenge.len)
					at++;
				buf_char(&value, challenge.data[at]);
			}
			at++;
		} else {
			for (; at < challenge.len && challenge.data[at] != ','; at++)
				buf_char(&value, challenge.data[at]);
		}
		if (name_len == key_len && start + key_len <= challenge.len && !value.overflow &&
		    str_eq_nocase(str_sub(challenge, start, key_len), str_from(key)))
			return arena_str(arena, buf_view(&value));
	}
	return (struct str){0};
}

static struct str escape_query(struct str text, struct arena *arena)
{
	struct buf cleanup_buf out;

	buf_init(&out, 16 * KIB);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    memchr("-._~/:", c, 6))
			buf_char(&out, (char)c);
		else
			buf_printf(&out, "%%%02X", c);
	}
	return arena_str(arena, buf_view(&out));
}

static struct str basic_auth(const struct runtime_auth *auth, struct arena *arena)
{
	struct str pair;
	unsigned char *coded;
	int len;

	if (!auth)
		return STR_EMPTY;
	if (auth->auth.len)
		return arena_printf(arena, "Basic " STR_FMT, STR_ARG(auth->auth));
	if (auth->username.len == 0)
		return STR_EMPTY;
	pair = arena_printf(arena, STR_FMT ":" STR_FMT, STR_ARG(auth->username), STR_ARG(auth->password));
	coded = arena_alloc(arena, pair.len / 3 * 4 + 8);
	len = EVP_EncodeBlock(coded, (const unsigned char *)pair.data, (int)pair.len);
	return arena_printf(arena, "Basic %.*s", len, (const char *)coded);
}

static struct str token_of(struct str body, struct arena *arena)
{
	yyjson_doc *doc = yyjson_read(body.data, body.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *token = yyjson_obj_get(root, "token");
	struct str text = {0};

	if (!yyjson_is_str(token))
		token = yyjson_obj_get(root, "access_token");
	if (yyjson_is_str(token))
		text = arena_str(arena, (struct str){yyjson_get_str(token), yyjson_get_len(token)});
	yyjson_doc_free(doc);
	return text;
}

static int fetch_token(struct pull *pull, struct str challenge, struct error *err)
{
	struct arena *arena = pull->arena;
	struct str realm = registry_challenge_get(challenge, "realm", arena);
	struct str service = registry_challenge_get(challenge, "service", arena);
	struct str scope = registry_challenge_get(challenge, "scope", arena);
	struct registry_request request = {.method = "GET"};
	struct registry_response response;
	struct str token;
	int r;

	if (!scope.data)
		scope = arena_printf(arena, "repository:" STR_FMT ":pull", STR_ARG(pull->name->path));
	/* Credentials go where the registry says, but never in the clear to another machine. */
	if (!str_has_prefix(realm, STR("https://")) && !str_has_prefix(realm, STR("http://127.0.0.1")) &&
	    !str_has_prefix(realm, STR("http://localhost")) && !str_has_prefix(realm, STR("http://[::1]")))
		return error_set(err, ERR_UNAUTHORIZED, "failed to authorize: realm \"" STR_FMT "\" is not https",
				 STR_ARG(realm));
	service = escape_query(service, arena);
	scope = escape_query(scope, arena);
	if (pull->auth && pull->auth->identity_token.len) {
		request.method = "POST";
		request.url = realm;
		request.form = arena_printf(arena,
					    "grant_type=refresh_token&client_id=wherry&service=" STR_FMT
					    "&scope=" STR_FMT "&refresh_token=" STR_FMT,
					    STR_ARG(service), STR_ARG(scope),
					    STR_ARG(escape_query(pull->auth->identity_token, arena)));
	} else {
		request.url = arena_printf(arena, STR_FMT "%cservice=" STR_FMT "&scope=" STR_FMT, STR_ARG(realm),
					   str_index(realm, '?') >= 0 ? '&' : '?', STR_ARG(service), STR_ARG(scope));
		request.authorization = basic_auth(pull->auth, arena);
	}
	r = pull->transport->exchange(pull->transport, &request, NULL, NULL, arena, &response, err);
	if (r < 0)
		return error_wrap(err, "failed to authorize: failed to fetch oauth token");
	if (response.status != 200)
		return error_set(err, ERR_UNAUTHORIZED,
				 "failed to authorize: failed to fetch oauth token: unexpected status: %d",
				 response.status);
	token = token_of(response.body, arena);
	if (!token.len)
		return error_set(err, ERR_UNAUTHORIZED, "failed to authorize: no token in the answer");
	pull->authorization = arena_printf(arena, "Bearer " STR_FMT, STR_ARG(token));
	return 0;
}

/* Finds out what the registry wants to see; fails when there is nothing more to show it. */
static int authenticate(struct pull *pull, struct str challenge, struct error *err)
{
	struct str basic = basic_auth(pull->auth, pull->arena);

	if (str_eq_nocase(str_sub(challenge, 0, 7), STR("Bearer ")))
		return fetch_token(pull, challenge, err);
	if (str_eq_nocase(str_sub(challenge, 0, 5), STR("Basic")) && basic.len && !str_eq(basic, pull->authorization)) {
		pull->authorization = basic;
		return 0;
	}
	return error_set(err, ERR_UNAUTHORIZED, DENIED);
}

/* One exchange, with authentication once in between. */
static int get(struct pull *pull, struct str url, struct str accept, registry_sink *sink, void *sink_data,
	       struct registry_response *ret, struct error *err)
{
	struct registry_request request = {.method = "GET", .url = url, .accept = accept};
	int r;

	for (int tries = 0;; tries++) {
		request.authorization = pull->authorization;
		r = pull->transport->exchange(pull->transport, &request, sink, sink_data, pull->arena, ret, err);
		if (r < 0 || ret->status != 401 || tries == 1)
			break;
		r = authenticate(pull, ret->challenge, err);
		if (r < 0)
			break;
	}
	if (r < 0)
		return r;
	if (ret->status == 401 || ret->status == 403)
		return error_set(err, ERR_UNAUTHORIZED, DENIED);
	if (ret->status == 404)
		return error_set(err, ERR_NOT_FOUND, STR_FMT ": not found",
				 STR_ARG(image_name_format(pull->name, pull->arena)));
	if (ret->status == 429)
		return error_set(err, ERR_TOO_MANY_REQUESTS,
				 "unexpected status from GET request to " STR_FMT ": 429 Too Many Requests",
				 STR_ARG(url));
	if (ret->status < 200 || ret->status > 299)
		return error_set(err, ERR_SERVICE_UNAVAILABLE, "unexpected status from GET request to " STR_FMT ": %d",
				 STR_ARG(url), ret->status);
	return 0;
}

/* ---- manifests and blobs ---- */

static int get_manifest(struct pull *pull, struct str reference, struct str *ret_text, struct str *ret_digest,
			struct error *err)
{
	struct str url =
		arena_printf(pull->arena, STR_FMT "/manifests/" STR_FMT, STR_ARG(pull->base), STR_ARG(reference));
	struct registry_response response;
	char digest[DIGEST_TEXT_SIZE];
	int r = get(pull, url, STR(ACCEPT), NULL, NULL, &response, err);

	if (r < 0)
		return r;
	digest_of(response.body, digest);
	if (image_digest_valid(reference) && !str_eq_c(reference, digest))
		return error_set(err, ERR_INVALID, "manifest has digest %s, expected " STR_FMT, digest,
				 STR_ARG(reference));
	if (image_digest_valid(response.content_digest) && !str_eq_c(response.content_digest, digest))
		return error_set(err, ERR_INVALID, "manifest has digest %s, its header says " STR_FMT, digest,
				 STR_ARG(response.content_digest));
	*ret_text = response.body;
	*ret_digest = arena_str_c(pull->arena, digest);
	return 0;
}

struct download {
	int fd;
	uint64_t size, limit;
	struct digest digest;
};

static int save_bytes(void *data, struct str bytes, struct error *err)
{
	struct download *download = data;
	int r;

	download->size += bytes.len;
	if (download->size > download->limit)
		return error_set(err, ERR_TOO_LARGE, "blob is larger than %llu bytes",
				 (unsigned long long)download->limit);
	digest_update(&download->digest, bytes.data, bytes.len);
	r = path_write_all(download->fd, bytes.data, bytes.len);
	return r < 0 ? error_set_errno(err, -r, "write blob") : 0;
}

static int open_blob(struct image_source *source, const struct image_descriptor *blob, int *ret_fd, struct error *err)
{
	struct pull *pull = CONTAINER_OF(source, struct pull, source);
	struct str url =
		arena_printf(pull->arena, STR_FMT "/blobs/" STR_FMT, STR_ARG(pull->base), STR_ARG(blob->digest));
	struct download download = {.limit = blob->size ? blob->size : LIMIT_IMAGE_BLOB};
	struct registry_response response;
	cleanup_close int fd = -1;
	char digest[DIGEST_TEXT_SIZE];
	struct str file;
	int r = image_ingest_file(pull->store, pull->arena, &file, &fd, err);

	if (r < 0)
		return r;
	/* It has no name from here on: whatever happens, nothing is left of it. */
	unlinkat(pull->store->dir_fd, str_c(file), 0);
	download.fd = fd;
	digest_init(&download.digest);
	r = get(pull, url, STR_EMPTY, save_bytes, &download, &response, err);
	digest_finish(&download.digest, digest);
	digest_release(&download.digest);
	if (r < 0)
		return r;
	if (!str_eq_c(blob->digest, digest))
		return error_set(err, ERR_INVALID, "blob has digest %s, expected " STR_FMT, digest,
				 STR_ARG(blob->digest));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "read blob");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int resolve(struct pull *pull, struct str *ret_manifest, struct str *ret_target, struct error *err)
{
	struct str reference = pull->name->digest.data ? pull->name->digest : pull->name->tag, digest;
	const struct image_index_entry *entry;
	struct image_index index;
	int r = get_manifest(pull, reference, ret_manifest, ret_target, err);

	if (r < 0 || !image_is_index(*ret_manifest))
		return r;
	r = image_parse_index(*ret_manifest, pull->arena, &index, err);
	if (r < 0)
		return r;
	entry = image_index_choose(&index);
	if (!entry)
		return error_set(err, ERR_NOT_FOUND, "no match for platform in manifest: not found");
	return get_manifest(pull, entry->descriptor.digest, ret_manifest, &digest, err);
}

int registry_pull(struct image_store *store, struct registry_transport *transport, const struct image_name *name,
		  const struct runtime_auth *auth, struct arena *arena, struct str *ret_id, struct error *err)
{
	struct str text = image_name_format(name, arena), manifest, target, names[2];
	struct pull pull = {.source = {open_blob},
			    .store = store,
			    .transport = transport,
			    .name = name,
			    .auth = auth,
			    .arena = arena,
			    .authorization = STR_EMPTY};
	struct image_manifest parsed;
	cleanup_close int hold = -1;
	int r;

	pull.base = arena_printf(arena, STR_FMT "/v2/" STR_FMT, STR_ARG(registry_base_url(name->domain, arena)),
				 STR_ARG(name->path));
	if (auth && auth->registry_token.len)
		pull.authorization = arena_printf(arena, "Bearer " STR_FMT, STR_ARG(auth->registry_token));
	r = resolve(&pull, &manifest, &target, err);
	if (r < 0)
		return error_wrap(err,
				  "failed to pull and unpack image \"" STR_FMT
				  "\": failed to resolve reference \"" STR_FMT "\"",
				  STR_ARG(text), STR_ARG(text));
	/* By tag it is known under its digest too, also when that is an index's. */
	names[0] =
		arena_printf(arena, STR_FMT "@" STR_FMT, STR_ARG(image_name_repository(name, arena)), STR_ARG(target));
	names[1] = text;
	r = image_store_hold(store, &hold, err);
	if (r == 0)
		r = image_parse_manifest(manifest, arena, &parsed, err);
	if (r == 0)
		r = image_install(store, manifest, &pull.source, &parsed,
				  (struct runtime_strs){names, name->digest.data ? 1 : 2}, ret_id, arena, err);
	return r < 0 ? error_wrap(err, "failed to pull and unpack image \"" STR_FMT "\"", STR_ARG(text)) : 0;
}
