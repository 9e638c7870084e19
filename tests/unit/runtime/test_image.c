/* Images: names by table, layers from hostile archives, import, and the registry protocol against written-down answers.
 */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/buf.h"
#include "base/limits.h"
#include "runtime/digest.h"
#include "runtime/image.h"
#include "runtime/image_layer.h"
#include "runtime/registry.h"
#include "sys/path.h"

static char folder[64];
static int folder_fd = -1;
static struct arena arena;

static int setup(void **state UNUSED)
{
	snprintf(folder, sizeof(folder), "/tmp/wherry-test-image.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder_fd < 0 ? -1 : 0;
}

static int teardown(void **state UNUSED)
{
	close_fd(folder_fd);
	arena_release(&arena);
	return path_remove_tree(AT_FDCWD, folder);
}

/* ---- names ---- */

static void test_names(void **state UNUSED)
{
	static const struct {
		const char *text, *normal; /* NULL: refused */
	} cases[] = {
		{"busybox", "docker.io/library/busybox:latest"},
		{"busybox:1.36", "docker.io/library/busybox:1.36"},
		{"team/app", "docker.io/team/app:latest"},
		{"index.docker.io/a", "docker.io/library/a:latest"},
		{"localhost/app:v1", "localhost/app:v1"},
		{"localhost:5000/app", "localhost:5000/app:latest"},
		{"127.0.0.1:5000/a/b/c:v", "127.0.0.1:5000/a/b/c:v"},
		{"[::1]:5000/a", "[::1]:5000/a:latest"},
		{"example.com/a__b.c-d--e", "example.com/a__b.c-d--e:latest"},
		{"a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "docker.io/library/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		{"a:t@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "docker.io/library/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		{"", NULL},
		{"Busybox", NULL},
		{"a b", NULL},
		{"a:", NULL},
		{"a:-t", NULL},
		{":t", NULL},
		{"/a", NULL},
		{"a/", NULL},
		{"a//b", NULL},
		{"a..b", NULL},
		{"a___b", NULL},
		{"-a", NULL},
		{"a@sha256:123", NULL},
		{"example.com:port/a", NULL},
		{"../../etc", NULL},
		{"nginx:latest:v1", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {0};
		struct image_name name;
		int r = image_name_parse(str_from(cases[i].text), &arena, &name, &err);

		if (cases[i].normal)
			assert_str_equal(r == 0 ? image_name_format(&name, &arena) : STR("refused"), cases[i].normal);
		else
			assert_int_equal(r, -ERR_INVALID);
	}
}

/* ---- layers ---- */

struct entry {
	const char *name;
	char type; /* tar's: '0' file, '1' hard link, '2' link, '3' character device, '5' folder */
	unsigned mode;
	const char *data; /* content, or a link's target */
};

static void put_entry(struct buf *out, const struct entry *entry)
{
	char header[512] = {0};
	bool file = entry->type == '0';
	size_t size = file && entry->data ? strlen(entry->data) : 0;
	unsigned sum = 0;

	memcpy(header, entry->name, strlen(entry->name));
	snprintf(header + 100, 8, "%07o", entry->mode);
	snprintf(header + 108, 8, "%07o", 0U);
	snprintf(header + 116, 8, "%07o", 0U);
	snprintf(header + 124, 12, "%011o", (unsigned)size);
	snprintf(header + 136, 12, "%011o", 1000000000U);
	memset(header + 148, ' ', 8);
	header[156] = entry->type;
	if (!file && entry->data)
		memcpy(header + 157, entry->data, strlen(entry->data));
	memcpy(header + 257, "ustar\00000", 8);
	snprintf(header + 329, 8, "%07o", 1U);
	snprintf(header + 337, 8, "%07o", 3U);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	buf_append(out, header, sizeof(header));
	if (size) {
		buf_append(out, entry->data, size);
		while (out->len % 512)
			buf_char(out, '\0');
	}
}

static void put_tar(struct buf *out, const struct entry *entries, size_t len)
{
	static const char zeros[1024];

	for (size_t i = 0; i < len; i++)
		put_entry(out, &entries[i]);
	buf_append(out, zeros, sizeof(zeros));
}

static int file_of(struct str data)
{
	int fd = openat(folder_fd, "layer.tar", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(path_write_all(fd, data.data, data.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Unpacks the entries into folder/root; returns what image_layer_unpack() did. */
static int unpack(const struct entry *entries, size_t len, struct error *err)
{
	char diff_id[DIGEST_TEXT_SIZE], expected[DIGEST_TEXT_SIZE];
	struct buf cleanup_buf tar;
	cleanup_close int root = -1, fd = -1;
	int r;

	buf_init(&tar, MIB);
	put_tar(&tar, entries, len);
	fd = file_of(buf_view(&tar));
	assert_int_equal(mkdirat(folder_fd, "root", 0755), 0);
	root = openat(folder_fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = image_layer_unpack(fd, root, diff_id, err);
	digest_of(buf_view(&tar), expected);
	if (r == 0)
		assert_string_equal(diff_id, expected);
	return r;
}

static void expect_file(const char *path, const char *text)
{
	char got[128];

	assert_true(path_read_small(folder_fd, path, got, sizeof(got)) >= 0);
	assert_string_equal(got, text);
}

static bool is_there(const char *path)
{
	struct stat st;

	return fstatat(folder_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_layer(void **state UNUSED)
{
	static const struct entry entries[] = {
		{"./", '5', 0755, NULL},
		{"etc/", '5', 0750, NULL},
		{"etc/motd", '0', 0640, "hello\n"},
		{"usr/lib/deep/file", '0', 0644, "x"},
		{"lib", '2', 0777, "usr/lib"},
		{"lib/through", '0', 0644, "link"},
		{"twin", '1', 0644, "etc/motd"},
		{"setuid", '0', 04755, "s"},
		{"etc/motd", '0', 0600, "again"},
		{"null", '3', 0666, NULL},
	};
	struct error err = {0};
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(unpack(entries, ARRAY_LEN(entries), &err), 0);
	expect_file("root/etc/motd", "again");
	expect_file("root/twin", "hello\n");
	expect_file("root/usr/lib/through", "link");
	assert_int_equal(fstatat(folder_fd, "root/setuid", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_mtime, 1000000000);
	assert_int_equal(fstatat(folder_fd, "root/null", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	assert_int_equal(fstatat(folder_fd, "root/etc", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_whiteouts(void **state UNUSED)
{
	static const struct entry entries[] = {
		{"a/.wh.gone", '0', 0644, ""},	 {"b/.wh..wh..opq", '0', 0644, ""}, {"b/new", '0', 0644, "n"},
		{".wh..wh.plnk", '0', 0644, ""}, {"c/there", '0', 0644, "t"},	    {"c/.wh.there", '0', 0644, ""},
	};
	struct error err = {0};
	char path[128], value[4] = "";
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(unpack(entries, ARRAY_LEN(entries), &err), 0);
	assert_int_equal(fstatat(folder_fd, "root/a/gone", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	assert_int_equal(fstatat(folder_fd, "root/c/there", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISCHR(st.st_mode));
	snprintf(path, sizeof(path), "%s/root/b", folder);
	assert_int_equal(getxattr(path, "trusted.overlay.opaque", value, sizeof(value)), 1);
	assert_string_equal(value, "y");
	assert_false(is_there("root/.wh..wh.plnk"));
}

static void test_hostile_layers(void **state UNUSED)
{
	/* Each either fails or stays inside; in no case is there a file "outside" beside the root. */
	static const struct {
		struct entry entries[3];
		bool fails;
		const char *inside; /* where it landed instead */
	} cases[] = {
		{{{"../outside", '0', 0644, "x"}}, false, "root/outside"},
		{{{"/outside", '0', 0644, "x"}}, false, "root/outside"},
		{{{"a/../../outside", '0', 0644, "x"}}, false, "root/outside"},
		{{{"up", '2', 0777, ".."}, {"up/outside", '0', 0644, "x"}}, false, "root/outside"},
		{{{"up", '2', 0777, "../.."}, {"up/outside/f", '0', 0644, "x"}}, false, "root/outside/f"},
		{{{"abs", '2', 0777, "/"}, {"abs/outside", '0', 0644, "x"}}, false, "root/outside"},
		{{{"hard", '1', 0644, "../layer.tar"}}, true, NULL},
		{{{"hard", '1', 0644, "/etc/passwd"}}, true, NULL},
		{{{"hard", '1', 0644, ".."}}, true, NULL},
		{{{"f", '2', 0777, "../outside"}, {"f", '0', 0644, "replaces the link"}}, false, "root/f"},
		{{{".wh...", '0', 0644, ""}}, true, NULL},
		{{{"a/.wh.", '0', 0644, ""}}, true, NULL},
		{{{"x", '2', 0777, "x"}, {"x/f", '0', 0644, "x"}}, true, NULL},
	};

	if (geteuid() != 0)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct error err = {0};
		size_t len = 0;

		while (len < 3 && cases[i].entries[len].name)
			len++;
		assert_int_equal(unpack(cases[i].entries, len, &err) < 0, cases[i].fails);
		assert_false(is_there("outside"));
		if (cases[i].inside)
			assert_true(is_there(cases[i].inside));
		assert_int_equal(path_remove_tree(folder_fd, "root"), 0);
	}
}

static void test_damaged_layers(void **state UNUSED)
{
	static const char gzip_rubbish[] = "\x1f\x8b\x08\0\0\0\0\0\0\0rubbish and more rubbish";
	static const char zstd_rubbish[] = "\x28\xb5\x2f\xfd and no frame follows";
	struct str cases[] = {STR("no tar at all, but long enough to look at"),
			      {gzip_rubbish, sizeof(gzip_rubbish)},
			      {zstd_rubbish, sizeof(zstd_rubbish)}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cleanup_close int fd = file_of(cases[i]), root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		char diff_id[DIGEST_TEXT_SIZE];
		struct error err = {0};

		assert_true(image_layer_unpack(fd, root, diff_id, &err) < 0);
	}
}

/* ---- the registry protocol ---- */

struct answer {
	const char *url;
	const char *authorization; /* what must be shown, NULL: nothing is asked for */
	int status;
	const char *challenge;
	struct str body;
};

struct fake {
	struct registry_transport transport;
	const struct answer *answers;
	size_t len;
	unsigned requests;
};

static int fake_exchange(struct registry_transport *transport, const struct registry_request *request,
			 registry_sink *sink, void *sink_data, struct arena *to, struct registry_response *ret,
			 struct error *err)
{
	struct fake *fake = CONTAINER_OF(transport, struct fake, transport);

	*ret = (struct registry_response){.status = 404};
	fake->requests++;
	for (size_t i = 0; i < fake->len; i++) {
		const struct answer *answer = &fake->answers[i];

		if (!str_eq_c(request->url, answer->url))
			continue;
		if (answer->status == 0)
			return error_set(err, ERR_SERVICE_UNAVAILABLE, "connection refused");
		ret->status = answer->status;
		if (answer->authorization && !str_eq_c(request->authorization, answer->authorization)) {
			ret->status = 401;
			ret->challenge = str_from(answer->challenge);
			return 0;
		}
		if (ret->status == 200 && sink)
			return sink(sink_data, answer->body, err);
		ret->body = arena_str(to, answer->body);
	}
	return 0;
}

#define BASE	  "http://127.0.0.1:5000/v2/app"
#define CHALLENGE "Bearer realm=\"http://127.0.0.1:5001/token\",service=\"a registry\",scope=\"repository:app:pull\""
#define TOKEN_URL "http://127.0.0.1:5001/token?service=a%20registry&scope=repository:app:pull"

static struct str config_text, manifest_text, layer_text;
static char config_digest[DIGEST_TEXT_SIZE], layer_digest[DIGEST_TEXT_SIZE], manifest_digest[DIGEST_TEXT_SIZE];

static void make_image(struct buf *tar)
{
	static const struct entry entries[] = {{"f", '0', 0644, "content"}};

	put_tar(tar, entries, ARRAY_LEN(entries));
	layer_text = buf_view(tar);
	digest_of(layer_text, layer_digest);
	config_text = arena_printf(&arena,
				   "{\"os\":\"linux\",\"config\":{\"Cmd\":[\"x\"]},\"rootfs\":{\"diff_ids\":[\"%s\"]}}",
				   layer_digest);
	digest_of(config_text, config_digest);
	manifest_text = arena_printf(&arena,
				     "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{"
				     "\"digest\":\"%s\",\"size\":%zu}]}",
				     config_digest, config_text.len, layer_digest, layer_text.len);
	digest_of(manifest_text, manifest_digest);
}

static const char *url(const char *kind, const char *what)
{
	return str_c(arena_printf(&arena, BASE "/%s/%s", kind, what));
}

static int pull(struct image_store *store, struct fake *fake, const struct runtime_auth *auth, struct str *ret_id,
		struct error *err)
{
	struct image_name name;

	assert_int_equal(image_name_parse(STR("127.0.0.1:5000/app:v1"), &arena, &name, err), 0);
	fake->transport.exchange = fake_exchange;
	return registry_pull(store, &fake->transport, &name, auth, &arena, ret_id, err);
}

static void test_pull(void **state UNUSED)
{
	struct runtime_auth auth = {.username = STR("u"), .password = STR("p")};
	struct image_store *store;
	struct image_record record;
	struct image_config config;
	struct error err = {0};
	struct buf cleanup_buf tar;
	struct str id;

	buf_init(&tar, MIB);
	if (geteuid() != 0)
		skip();
	make_image(&tar);
	assert_int_equal(image_store_open(str_from(folder), &store, &err), 0);
	{
		const struct answer answers[] = {
			{url("manifests", "v1"), "Bearer t0", 200, CHALLENGE, manifest_text},
			{url("blobs", config_digest), "Bearer t0", 200, CHALLENGE, config_text},
			{url("blobs", layer_digest), "Bearer t0", 200, CHALLENGE, layer_text},
			{TOKEN_URL, "Basic dTpw", 200, "", STR("{\"token\":\"t0\"}")},
		};
		struct fake fake = {.answers = answers, .len = ARRAY_LEN(answers)};

		assert_int_equal(pull(store, &fake, NULL, &id, &err), -ERR_UNAUTHORIZED);
		error_clear(&err);
		fake.requests = 0;
		assert_int_equal(pull(store, &fake, &auth, &id, &err), 0);
		assert_int_equal(fake.requests, 5);
		assert_str_equal(id, config_digest);
	}
	assert_int_equal(image_store_find(store, STR("127.0.0.1:5000/app:v1"), &arena, &record, &err), 0);
	assert_int_equal(image_store_config(store, record.id, &arena, &config, &err), 0);
	assert_int_equal(config.layers.len, 1);
	expect_file(str_c(arena_printf(&arena, "images/layers/" STR_FMT "/f", STR_ARG(config.layers.items[0]))),
		    "content");
	assert_int_equal(image_store_find(store, arena_printf(&arena, "127.0.0.1:5000/app@%s", manifest_digest), &arena,
					  &record, &err),
			 0);
	assert_int_equal(image_store_remove(store, record.id, &err), 0);
	assert_int_equal(image_store_find(store, STR("127.0.0.1:5000/app:v1"), &arena, &record, &err), -ERR_NOT_FOUND);
	assert_false(is_there(str_c(arena_printf(&arena, "images/layers/" STR_FMT, STR_ARG(config.layers.items[0])))));
	image_store_free(store);
}

static void test_pull_failures(void **state UNUSED)
{
	struct image_store *store;
	struct error err = {0};
	struct buf cleanup_buf tar;

	buf_init(&tar, MIB);
	if (geteuid() != 0)
		skip();
	make_image(&tar);
	assert_int_equal(image_store_open(str_from(folder), &store, &err), 0);
	const struct {
		struct answer answers[3];
		enum error_code code;
		const char *text;
	} cases[] = {
		{{{"nothing", NULL, 200, NULL, STR("")}}, ERR_NOT_FOUND, "127.0.0.1:5000/app:v1: not found"},
		{{{url("manifests", "v1"), NULL, 0, NULL, STR("")}}, ERR_SERVICE_UNAVAILABLE, "connection refused"},
		{{{url("manifests", "v1"), NULL, 500, NULL, STR("")}}, ERR_SERVICE_UNAVAILABLE, "unexpected status"},
		{{{url("manifests", "v1"), NULL, 403, NULL, STR("")}}, ERR_UNAUTHORIZED, "pull access denied"},
		{{{url("manifests", "v1"), NULL, 200, NULL, STR("{}")}}, ERR_INVALID, "no layers"},
		{{{url("manifests", "v1"), NULL, 200, NULL, STR("rubbish")}}, ERR_INVALID, "JSON"},
		{{{url("manifests", "v1"), NULL, 200, NULL, manifest_text}}, ERR_NOT_FOUND, "not found"},
		{{{url("manifests", "v1"), NULL, 200, NULL, manifest_text},
		  {url("blobs", config_digest), NULL, 200, NULL, STR("another one")}},
		 ERR_INVALID,
		 "expected sha256:"},
		{{{url("manifests", "v1"), NULL, 200, NULL, manifest_text},
		  {url("blobs", config_digest), NULL, 200, NULL, config_text},
		  {url("blobs", layer_digest), NULL, 200, NULL, config_text}},
		 ERR_INVALID,
		 "expected sha256:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake fake = {.answers = cases[i].answers, .len = ARRAY_LEN(cases[i].answers)};
		struct image_record_list list;
		struct str id;

		while (fake.len && !cases[i].answers[fake.len - 1].url)
			fake.len--;
		assert_int_equal(pull(store, &fake, NULL, &id, &err), -(int)cases[i].code);
		assert_non_null(strstr(err.message, cases[i].text));
		assert_non_null(strstr(err.message, "failed to pull and unpack image \"127.0.0.1:5000/app:v1\""));
		error_clear(&err);
		assert_int_equal(image_store_list(store, &arena, &list, &err), 0);
		assert_int_equal(list.len, 0);
	}
	image_store_free(store);
}

static void test_challenge(void **state UNUSED)
{
	static const struct {
		const char *challenge, *key, *value; /* NULL: absent */
	} cases[] = {
		{CHALLENGE, "realm", "http://127.0.0.1:5001/token"},
		{CHALLENGE, "SERVICE", "a registry"},
		{CHALLENGE, "error", NULL},
		{"Bearer realm=plain,service=\"q\\\"uote\"", "realm", "plain"},
		{"Bearer realm=plain,service=\"q\\\"uote\"", "service", "q\"uote"},
		{"Bearer", "realm", NULL},
		{"Bearer realm", "realm", ""},
		{"Bearer realm=\"open", "realm", "open"},
		{"", "realm", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str value = registry_challenge_get(str_from(cases[i].challenge), cases[i].key, &arena);

		if (cases[i].value)
			assert_str_equal(value, cases[i].value);
		else
			assert_null(value.data);
	}
	assert_str_equal(registry_base_url(STR("localhost:5000"), &arena), "http://localhost:5000");
	assert_str_equal(registry_base_url(STR("[::1]:5000"), &arena), "http://[::1]:5000");
	assert_str_equal(registry_base_url(STR("10.0.0.1:5000"), &arena), "https://10.0.0.1:5000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_whiteouts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pull, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pull_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_challenge, setup, teardown),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
