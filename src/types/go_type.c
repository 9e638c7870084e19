/* Go's names of types; see go_type.h. */
#include "types/go_type.h"

struct str go_type_struct(const struct schema *schema, struct arena *arena)
{
	return arena_printf(arena, STR_FMT "." STR_FMT, STR_ARG(schema->version), STR_ARG(schema->kind));
}

struct str go_type_item(const struct schema_field *field, struct arena *arena)
{
	/* Those read by a method of their own complain about what that method reads. */
	static const char *const names[FIELD_TYPE_MAX] = {
		[FIELD_STRING] = "string",	 [FIELD_BOOL] = "bool",	      [FIELD_INT32] = "int32",
		[FIELD_INT64] = "int64",	 [FIELD_DOUBLE] = "float64",  [FIELD_BYTES] = "[]uint8",
		[FIELD_INT_OR_STRING] = "int32", [FIELD_TIME] = "string",     [FIELD_MICRO_TIME] = "string",
		[FIELD_DURATION] = "string",	 [FIELD_QUANTITY] = "string", [FIELD_RAW] = "interface {}",
	};

	return field->type == FIELD_MESSAGE ? go_type_struct(field->message, arena) : str_from(names[field->type]);
}

struct str go_type_field(const struct schema_field *field, struct arena *arena)
{
	static const char *const prefixes[SHAPE_MAX] = {
		[SHAPE_ONE] = "",
		[SHAPE_OPTIONAL] = "",
		[SHAPE_LIST] = "[]",
		[SHAPE_MAP] = "map[string]",
		[SHAPE_MAP_OF_LISTS] = "map[string][]",
	};
	static const char *const container_items[FIELD_TYPE_MAX] = {
		[FIELD_QUANTITY] = "resource.Quantity",	      [FIELD_TIME] = "v1.Time",
		[FIELD_MICRO_TIME] = "v1.MicroTime",	      [FIELD_DURATION] = "v1.Duration",
		[FIELD_INT_OR_STRING] = "intstr.IntOrString", [FIELD_RAW] = "runtime.RawExtension",
	};
	const char *item = field->shape >= SHAPE_LIST ? container_items[field->type] : NULL;

	return arena_concat(arena, str_from(prefixes[field->shape]),
			    item ? str_from(item) : go_type_item(field, arena));
}

/* Words that Go writes in capitals, where JSON's name begins with them. */
static const struct {
	const char *json, *go;
} initials[] = {
	{"api", "API"},	    {"aws", "AWS"},   {"cel", "CEL"},	  {"cephfs", "CephFS"},
	{"csi", "CSI"},	    {"dns", "DNS"},   {"fc", "FC"},	  {"fs", "FS"},
	{"gce", "GCE"},	    {"http", "HTTP"}, {"id", "ID"},	  {"ip", "IP"},
	{"iscsi", "ISCSI"}, {"nfs", "NFS"},   {"rbd", "RBD"},	  {"storageos", "StorageOS"},
	{"tcp", "TCP"},	    {"tls", "TLS"},   {"uid", "UID"},	  {"gmsa", "GMSA"},
	{"grpc", "GRPC"},   {"iqn", "IQN"},   {"os", "OS"},	  {"se", "SE"},
	{"ssl", "SSL"},	    {"tty", "TTY"},   {"wwids", "WWIDs"},
};

struct str go_member_name(struct str json_name, char room[GO_NAME_SIZE])
{
	size_t word = 0;

	assert(json_name.len < GO_NAME_SIZE);
	memcpy(room, json_name.data, json_name.len);
	while (word < json_name.len && json_name.data[word] >= 'a' && json_name.data[word] <= 'z')
		word++;
	for (size_t i = 0; i < ARRAY_LEN(initials); i++)
		if (str_eq_c(str_sub(json_name, 0, word), initials[i].json))
			memcpy(room, initials[i].go, word);
	if (word && room[0] >= 'a' && room[0] <= 'z')
		room[0] = (char)(room[0] - 'a' + 'A');
	return (struct str){room, json_name.len};
}
