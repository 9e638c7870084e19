/* Differences between structs; see struct_diff.h. */
#include "apiserver/registry/struct_diff.h"

#include "apiserver/registry/line_diff.h"
#include "base/buf.h"
#include "base/limits.h"
#include "types/codec.h"

/* Members in upstream's internal order; "-": of the struct around it, where the API has them. */
static const struct {
	const struct schema *schema;
	const char *members;
} orders[] = {
	{&schema_core_v1_pod_spec,
	 "Volumes InitContainers Containers EphemeralContainers RestartPolicy TerminationGracePeriodSeconds "
	 "ActiveDeadlineSeconds DNSPolicy NodeSelector ServiceAccountName AutomountServiceAccountToken NodeName "
	 "SecurityContext ImagePullSecrets Hostname Subdomain SetHostnameAsFQDN Affinity SchedulerName Tolerations "
	 "HostAliases PriorityClassName Priority PreemptionPolicy DNSConfig ReadinessGates RuntimeClassName Overhead "
	 "EnableServiceLinks TopologySpreadConstraints OS SchedulingGates ResourceClaims Resources HostnameOverride "
	 "SchedulingGroup"},
	{&schema_core_v1_pod_security_context,
	 "-HostNetwork -HostPID -HostIPC -ShareProcessNamespace -HostUsers SELinuxOptions WindowsOptions RunAsUser "
	 "RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup FSGroupChangePolicy Sysctls "
	 "SeccompProfile AppArmorProfile SELinuxChangePolicy"},
	{&schema_core_v1_persistent_volume_source,
	 "GCEPersistentDisk AWSElasticBlockStore HostPath Glusterfs NFS RBD Quobyte ISCSI FlexVolume Cinder CephFS FC "
	 "Flocker AzureFile VsphereVolume AzureDisk PhotonPersistentDisk PortworxVolume ScaleIO Local StorageOS CSI"},
};

static const char *order_of(const struct schema *schema)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		if (orders[i].schema == schema)
			return orders[i].members;
	return NULL;
}

/* The end of the JSON value that begins at @at, in compact text. */
static size_t value_end(struct str json, size_t at)
{
	bool quoted = false;
	size_t depth = 0;

	for (; at < json.len; at++) {
		char c = json.data[at];

		if (quoted) {
			at += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (!depth && (c == ',' || c == '}' || c == ']')) {
			break;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return at;
}

/* The value of a member of an object in compact JSON; false when it has none of that name. */
static bool find_member(struct str json, struct str name, struct str *ret)
{
	size_t at = 1;

	while (at < json.len && json.data[at] == '"') {
		size_t end = value_end(json, at);
		ptrdiff_t middle = str_index(str_from_at(json, at), ':');
		struct str key;

		if (middle < 0)
			return false;
		key = str_sub(json, at + 1, (size_t)middle - 2);
		if (str_eq(key, name)) {
			*ret = str_sub(json, at + (size_t)middle + 1, end - at - (size_t)middle - 1);
			return true;
		}
		at = end + 1;
	}
	return false;
}

static void write_ordered(struct buf *out, const char *members, struct str json, struct str around);

static void write_member(struct buf *out, struct str name, struct str value, struct str around)
{
	buf_printf(out, "\"" STR_FMT "\":", STR_ARG(name));
	if (str_eq_c(name, "SecurityContext") && value.data[0] == '{')
		write_ordered(out, order_of(&schema_core_v1_pod_security_context), value, around);
	else
		buf_str(out, value);
}

/* The object again, its members in the order of @members. */
static void write_ordered(struct buf *out, const char *members, struct str json, struct str around)
{
	struct str rest = str_from(members), name, value;
	bool first = true;

	buf_char(out, '{');
	for (bool more = true; more;) {
		bool outer;

		more = str_cut(rest, ' ', &name, &rest);
		outer = str_has_prefix(name, STR("-"));
		if (outer)
			name = str_from_at(name, 1);
		if (!find_member(outer ? around : json, name, &value))
			continue;
		if (!first)
			buf_char(out, ',');
		first = false;
		write_member(out, name, value, json);
	}
	buf_char(out, '}');
}

static void new_line(struct buf *out, size_t depth)
{
	buf_char(out, '\n');
	for (size_t i = 0; i < depth; i++)
		buf_char(out, ' ');
}

/* Compact JSON with one member or item a line, a blank for each level. */
static void write_indented(struct buf *out, struct str json)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < json.len; i++) {
		char c = json.data[i], after = i + 1 < json.len ? json.data[i + 1] : 0;
		bool closing = !quoted && (c == '}' || c == ']');

		if (closing)
			depth--;
		if (closing && json.data[i - 1] != '{' && json.data[i - 1] != '[')
			new_line(out, depth);
		buf_char(out, c);
		if (quoted && c == '\\') {
			buf_char(out, after);
			i++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && c == ':') {
			buf_char(out, ' ');
		} else if (!quoted && c == ',') {
			new_line(out, depth);
		} else if (!quoted && (c == '{' || c == '[')) {
			depth++;
			if (after != '}' && after != ']')
				new_line(out, depth);
		}
	}
}

static struct str written(const struct schema *schema, const void *data, struct arena *arena)
{
	const char *order = order_of(schema);
	cleanup_buf struct buf json, ordered, text;

	buf_init(&json, LIMIT_REQUEST_MEMORY);
	buf_init(&ordered, LIMIT_REQUEST_MEMORY);
	buf_init(&text, LIMIT_REQUEST_MEMORY);
	encode_json(schema, data, ENCODE_UNTAGGED, &json);
	if (order)
		write_ordered(&ordered, order, buf_view(&json), STR_EMPTY);
	write_indented(&text, buf_view(order ? &ordered : &json));
	return arena_str(arena, buf_view(&text));
}

struct str struct_diff(const struct schema *schema, const void *old, const void *now, struct arena *arena)
{
	return line_diff(written(schema, old, arena), written(schema, now, arena), arena);
}
