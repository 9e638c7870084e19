/* Records as JSON, by tables of members; see record.h. */
#include "runtime/record.h"

#include <yyjson.h>

#include "base/limits.h"
#include "runtime/json_writer.h"

enum kind {
	K_STR,
	K_STRS,
	K_PAIRS,
	K_INTS,
	K_IPS,
	K_IP,
	K_INT, /* any integer or enum, by size */
	K_BOOL,
	K_STRUCT,
	K_LIST /* pointer to structs and, right after it, their number */
};

struct field {
	const char *name;
	enum kind kind;
	size_t offset, size;
	const struct field *inner;
	size_t inner_size;
};

#define F(type, member, kind)                                                                                          \
	{                                                                                                              \
#member, kind, offsetof(type, member), sizeof(((type *)0)->member), NULL, 0                            \
	}
#define F_INNER(type, member, table)                                                                                   \
	{                                                                                                              \
#member, K_STRUCT, offsetof(type, member), 0, table, 0                                                 \
	}
#define F_LIST(type, member, item, table)                                                                              \
	{                                                                                                              \
#member, K_LIST, offsetof(type, member), 0, table, sizeof(item)                                        \
	}
#define F_END                                                                                                          \
	{                                                                                                              \
		NULL, K_STR, 0, 0, NULL, 0                                                                             \
	}

#define T struct process_id
static const struct field process_fields[] = {F(T, pid, K_INT), F(T, start_time, K_INT), F_END};
#undef T
#define T struct runtime_namespace_options
static const struct field namespace_fields[] = {F(T, network, K_INT), F(T, pid, K_INT), F(T, ipc, K_INT),
						F(T, target_id, K_STR), F_END};
#undef T
#define T struct runtime_sandbox_metadata
static const struct field sandbox_metadata_fields[] = {F(T, name, K_STR), F(T, uid, K_STR), F(T, namespace_, K_STR),
						       F(T, attempt, K_INT), F_END};
#undef T
#define T struct runtime_container_metadata
static const struct field container_metadata_fields[] = {F(T, name, K_STR), F(T, attempt, K_INT), F_END};
#undef T
#define T struct runtime_dns_config
static const struct field dns_fields[] = {F(T, servers, K_STRS), F(T, searches, K_STRS), F(T, options, K_STRS), F_END};
#undef T
#define T struct runtime_port_mapping
static const struct field port_fields[] = {F(T, protocol, K_INT), F(T, container_port, K_INT), F(T, host_port, K_INT),
					   F(T, host_ip, K_IP), F_END};
#undef T
#define T struct runtime_sandbox_config
static const struct field sandbox_config_fields[] = {F_INNER(T, metadata, sandbox_metadata_fields),
						     F(T, hostname, K_STR),
						     F(T, log_directory, K_STR),
						     F_INNER(T, dns_config, dns_fields),
						     F_LIST(T, port_mappings, struct runtime_port_mapping, port_fields),
						     F(T, labels, K_PAIRS),
						     F(T, annotations, K_PAIRS),
						     F(T, cgroup_parent, K_STR),
						     F_INNER(T, namespaces, namespace_fields),
						     F(T, sysctls, K_PAIRS),
						     F(T, extra_hosts, K_STRS),
						     F(T, runtime_handler, K_STR),
						     F_END};
#undef T
#define T struct runtime_mount
static const struct field mount_fields[] = {F(T, container_path, K_STR), F(T, host_path, K_STR), F(T, readonly, K_BOOL),
					    F(T, propagation, K_INT), F_END};
#undef T
#define T struct runtime_device
static const struct field device_fields[] = {F(T, container_path, K_STR), F(T, host_path, K_STR),
					     F(T, permissions, K_STR), F_END};
#undef T
#define T struct runtime_hugepage_limit
static const struct field hugepage_fields[] = {F(T, page_size, K_STR), F(T, limit, K_INT), F_END};
#undef T
#define T struct runtime_linux_resources
static const struct field resource_fields[] = {
	F(T, cpu_period, K_INT),    F(T, cpu_quota, K_INT),
	F(T, cpu_shares, K_INT),    F(T, memory_limit, K_INT),
	F(T, memory_swap, K_INT),   F(T, pids_limit, K_INT),
	F(T, oom_score_adj, K_INT), F(T, cpuset_cpus, K_STR),
	F(T, cpuset_mems, K_STR),   F_LIST(T, hugepage_limits, struct runtime_hugepage_limit, hugepage_fields),
	F(T, unified, K_PAIRS),	    F_END};
#undef T
#define T struct runtime_security_profile
static const struct field profile_fields[] = {F(T, type, K_INT), F(T, localhost_ref, K_STR), F_END};
#undef T
#define T struct runtime_security_context
static const struct field security_fields[] = {F(T, privileged, K_BOOL),
					       F(T, capabilities_add, K_STRS),
					       F(T, capabilities_drop, K_STRS),
					       F_INNER(T, namespaces, namespace_fields),
					       F(T, has_run_as_user, K_BOOL),
					       F(T, has_run_as_group, K_BOOL),
					       F(T, run_as_user, K_INT),
					       F(T, run_as_group, K_INT),
					       F(T, run_as_username, K_STR),
					       F(T, supplemental_groups, K_INTS),
					       F(T, strict_groups, K_BOOL),
					       F(T, readonly_rootfs, K_BOOL),
					       F(T, no_new_privs, K_BOOL),
					       F_INNER(T, seccomp, profile_fields),
					       F(T, masked_paths, K_STRS),
					       F(T, readonly_paths, K_STRS),
					       F_END};
#undef T
#define T struct runtime_container_config
static const struct field container_config_fields[] = {F_INNER(T, metadata, container_metadata_fields),
						       F(T, image, K_STR),
						       F(T, user_image, K_STR),
						       F(T, command, K_STRS),
						       F(T, args, K_STRS),
						       F(T, working_dir, K_STR),
						       F(T, envs, K_PAIRS),
						       F_LIST(T, mounts, struct runtime_mount, mount_fields),
						       F_LIST(T, devices, struct runtime_device, device_fields),
						       F(T, labels, K_PAIRS),
						       F(T, annotations, K_PAIRS),
						       F(T, log_path, K_STR),
						       F(T, stdin, K_BOOL),
						       F(T, stdin_once, K_BOOL),
						       F(T, tty, K_BOOL),
						       F_INNER(T, resources, resource_fields),
						       F_INNER(T, security, security_fields),
						       F(T, stop_signal, K_STR),
						       F_END};
#undef T
#define T struct sandbox_record
static const struct field sandbox_fields[] = {F(T, id, K_STR),
					      F_INNER(T, config, sandbox_config_fields),
					      F(T, state, K_INT),
					      F(T, created_at, K_INT),
					      F(T, ips, K_IPS),
					      F(T, cgroup, K_STR),
					      F(T, boot_id, K_STR),
					      F_INNER(T, shim, process_fields),
					      F_INNER(T, pause, process_fields),
					      F_END};
#undef T
#define T struct container_record
static const struct field container_fields[] = {F(T, id, K_STR),
						F(T, sandbox_id, K_STR),
						F_INNER(T, config, container_config_fields),
						F(T, state, K_INT),
						F(T, created_at, K_INT),
						F(T, started_at, K_INT),
						F(T, finished_at, K_INT),
						F(T, exit_code, K_INT),
						F(T, reason, K_STR),
						F(T, message, K_STR),
						F(T, image_id, K_STR),
						F(T, image_ref, K_STR),
						F(T, cgroup, K_STR),
						F_INNER(T, process, process_fields),
						F(T, has_user, K_BOOL),
						F(T, user_uid, K_INT),
						F(T, user_gid, K_INT),
						F(T, user_groups, K_INTS),
						F(T, stop_signal, K_STR),
						F_END};
#undef T

/* ---- writing ---- */

static int64_t load_int(const void *p, size_t size)
{
	int64_t wide;
	int32_t word;
	uint16_t half;

	switch (size) {
	case 8:
		memcpy(&wide, p, 8);
		return wide;
	case 4:
		memcpy(&word, p, 4);
		return word;
	default:
		memcpy(&half, p, 2);
		return half;
	}
}

static void store_int(void *p, size_t size, int64_t value)
{
	int32_t word = (int32_t)value;
	uint16_t half = (uint16_t)value;

	memcpy(p,
	       size == 8   ? (void *)&value
	       : size == 4 ? (void *)&word
			   : (void *)&half,
	       size == 8 || size == 4 ? size : 2);
}

static void write_fields(struct json_writer *w, const struct field *fields, const char *base);

static void write_ip(struct json_writer *w, const char *key, const struct ip_address *ip)
{
	char text[IP_TEXT_SIZE] = "";

	if (ip->family != IP_NONE)
		ip_format(ip, text);
	json_c(w, key, text);
}

static void write_list(struct json_writer *w, const struct field *field, const char *p)
{
	size_t len;

	switch (field->kind) {
	case K_STRS:
		SLICE_FOREACH (s, *(const struct runtime_strs *)(const void *)p)
			json_str(w, NULL, *s);
		return;
	case K_INTS:
		SLICE_FOREACH (n, *(const struct runtime_ints *)(const void *)p)
			json_int(w, NULL, *n);
		return;
	case K_IPS:
		SLICE_FOREACH (ip, *(const struct runtime_ips *)(const void *)p)
			write_ip(w, NULL, ip);
		return;
	default:
		memcpy(&len, p + sizeof(void *), sizeof(len));
		for (size_t i = 0; i < len; i++) {
			json_open(w, NULL, '{');
			write_fields(w, field->inner, *(const char *const *)(const void *)p + i * field->inner_size);
			json_close(w, '}');
		}
	}
}

static void write_field(struct json_writer *w, const struct field *field, const char *p)
{
	switch (field->kind) {
	case K_STR:
		json_str(w, field->name, *(const struct str *)(const void *)p);
		return;
	case K_INT:
		json_int(w, field->name, load_int(p, field->size));
		return;
	case K_BOOL:
		json_bool(w, field->name, *(const bool *)(const void *)p);
		return;
	case K_IP:
		write_ip(w, field->name, (const struct ip_address *)(const void *)p);
		return;
	case K_PAIRS:
		json_open(w, field->name, '{');
		SLICE_FOREACH (pair, *(const struct runtime_pairs *)(const void *)p)
			json_str_at(w, pair->key, pair->value);
		json_close(w, '}');
		return;
	case K_STRUCT:
		json_open(w, field->name, '{');
		write_fields(w, field->inner, p);
		json_close(w, '}');
		return;
	default:
		json_open(w, field->name, '[');
		write_list(w, field, p);
		json_close(w, ']');
	}
}

static void write_fields(struct json_writer *w, const struct field *fields, const char *base)
{
	for (const struct field *field = fields; field->name; field++)
		write_field(w, field, base + field->offset);
}

static void write_record(const struct field *fields, const void *record, struct buf *out)
{
	struct json_writer w = {.out = out};

	json_open(&w, NULL, '{');
	write_fields(&w, fields, record);
	json_close(&w, '}');
}

void sandbox_record_write(const struct sandbox_record *record, struct buf *out)
{
	write_record(sandbox_fields, record, out);
}

void container_record_write(const struct container_record *record, struct buf *out)
{
	write_record(container_fields, record, out);
}

/* ---- reading ---- */

static void read_fields(yyjson_val *object, const struct field *fields, char *base, struct arena *arena);

static struct str value_str(yyjson_val *value, struct arena *arena)
{
	if (!yyjson_is_str(value))
		return STR_EMPTY;
	return arena_str(arena, (struct str){yyjson_get_str(value), yyjson_get_len(value)});
}

static struct ip_address value_ip(yyjson_val *value)
{
	struct ip_address ip = {0};

	if (!yyjson_is_str(value) || ip_parse((struct str){yyjson_get_str(value), yyjson_get_len(value)}, &ip) < 0)
		return (struct ip_address){0};
	return ip;
}

static void read_list(yyjson_val *value, const struct field *field, char *p, struct arena *arena)
{
	static const size_t sizes[] = {[K_STRS] = sizeof(struct str),
				       [K_INTS] = sizeof(int64_t),
				       [K_IPS] = sizeof(struct ip_address),
				       [K_LIST] = 0};
	size_t size = field->kind == K_LIST ? field->inner_size : sizes[field->kind];
	size_t len = yyjson_arr_size(value), i, max;
	char *items = len ? arena_calloc(arena, len, size) : NULL;
	yyjson_val *item;

	if (!items)
		return;
	yyjson_arr_foreach(value, i, max, item)
	{
		void *at = items + i * size;

		if (field->kind == K_STRS)
			*(struct str *)at = value_str(item, arena);
		else if (field->kind == K_INTS)
			*(int64_t *)at = yyjson_get_sint(item);
		else if (field->kind == K_IPS)
			*(struct ip_address *)at = value_ip(item);
		else
			read_fields(item, field->inner, at, arena);
	}
	/* Every list is a pointer and a number after it. */
	memcpy(p, &items, sizeof(items));
	memcpy(p + sizeof(items), &len, sizeof(len));
}

static void read_pairs(yyjson_val *value, struct runtime_pairs *ret, struct arena *arena)
{
	size_t len = yyjson_obj_size(value), i, max;
	struct runtime_pair *pairs = ARENA_NEW_N(arena, struct runtime_pair, len);
	yyjson_val *key, *item;

	yyjson_obj_foreach(value, i, max, key, item) pairs[i] =
		(struct runtime_pair){value_str(key, arena), value_str(item, arena)};
	*ret = (struct runtime_pairs){pairs, len};
}

static void read_fields(yyjson_val *object, const struct field *fields, char *base, struct arena *arena)
{
	for (const struct field *field = fields; field->name; field++) {
		yyjson_val *value = yyjson_obj_get(object, field->name);
		char *p = base + field->offset;

		switch (field->kind) {
		case K_STR:
			*(struct str *)(void *)p = value_str(value, arena);
			break;
		case K_INT:
			store_int(p, field->size,
				  yyjson_is_uint(value) ? (int64_t)yyjson_get_uint(value) : yyjson_get_sint(value));
			break;
		case K_BOOL:
			*(bool *)(void *)p = yyjson_get_bool(value);
			break;
		case K_IP:
			*(struct ip_address *)(void *)p = value_ip(value);
			break;
		case K_PAIRS:
			read_pairs(value, (struct runtime_pairs *)(void *)p, arena);
			break;
		case K_STRUCT:
			read_fields(value, field->inner, p, arena);
			break;
		default:
			read_list(value, field, p, arena);
		}
	}
}

static int read_record(struct str text, const struct field *fields, void *record, struct arena *arena,
		       struct error *err)
{
	yyjson_doc *doc = text.len <= LIMIT_RECORD ? yyjson_read(text.data, text.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc), *id = yyjson_obj_get(root, "id");
	int r = 0;

	if (!yyjson_is_str(id) || yyjson_get_len(id) == 0)
		r = error_set(err, ERR_STORAGE_READ, "record is damaged");
	else
		read_fields(root, fields, record, arena);
	yyjson_doc_free(doc);
	return r;
}

int sandbox_record_read(struct str text, struct arena *arena, struct sandbox_record *ret, struct error *err)
{
	struct sandbox_record record = {0};
	int r = read_record(text, sandbox_fields, &record, arena, err);

	if (r == 0)
		*ret = record;
	return r;
}

int container_record_read(struct str text, struct arena *arena, struct container_record *ret, struct error *err)
{
	struct container_record record = {0};
	int r = read_record(text, container_fields, &record, arena, err);

	if (r == 0)
		*ret = record;
	return r;
}
