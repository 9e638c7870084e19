/*
 * OpenAPI v3 documents: the paths; see openapi.h.  Schemas are openapi_schema.c's.
 *
 * Documents are built as trees and sorted at the end, because upstream's members are sorted.
 */
#include "types/openapi.h"

#include "base/limits.h"
#include "codec/json.h"
#include "types/gen/meta_v1.h"
#include "types/openapi_schema.h"

/* Parameters: name, type.  Bits of them make the sets below. */
#define PARAMETERS(X)                                                                                                  \
	X(ALLOW_WATCH_BOOKMARKS, "allowWatchBookmarks", "boolean")                                                     \
	X(CONTINUE, "continue", "string")                                                                              \
	X(DRY_RUN, "dryRun", "string")                                                                                 \
	X(FIELD_MANAGER, "fieldManager", "string")                                                                     \
	X(FIELD_SELECTOR, "fieldSelector", "string")                                                                   \
	X(FIELD_VALIDATION, "fieldValidation", "string")                                                               \
	X(FORCE, "force", "boolean")                                                                                   \
	X(GRACE_PERIOD_SECONDS, "gracePeriodSeconds", "integer")                                                       \
	X(IGNORE_STORE_READ_ERROR, "ignoreStoreReadErrorWithClusterBreakingPotential", "boolean")                      \
	X(LABEL_SELECTOR, "labelSelector", "string")                                                                   \
	X(LIMIT, "limit", "integer")                                                                                   \
	X(NAME, "name", "string")                                                                                      \
	X(NAMESPACE, "namespace", "string")                                                                            \
	X(ORPHAN_DEPENDENTS, "orphanDependents", "boolean")                                                            \
	X(PATH, "path", "string")                                                                                      \
	X(PRETTY, "pretty", "string")                                                                                  \
	X(PROPAGATION_POLICY, "propagationPolicy", "string")                                                           \
	X(RESOURCE_VERSION, "resourceVersion", "string")                                                               \
	X(RESOURCE_VERSION_MATCH, "resourceVersionMatch", "string")                                                    \
	X(SEND_INITIAL_EVENTS, "sendInitialEvents", "boolean")                                                         \
	X(SHARD_SELECTOR, "shardSelector", "string")                                                                   \
	X(TIMEOUT_SECONDS, "timeoutSeconds", "integer")                                                                \
	X(WATCH, "watch", "boolean")

enum parameter {
#define X(id, name, type) PARAMETER_##id,
	PARAMETERS(X)
#undef X
		PARAMETER_MAX
};
enum {
#define X(id, name, type) P_##id = 1 << PARAMETER_##id,
	PARAMETERS(X)
#undef X
		P_IN_PATH = P_NAME | P_NAMESPACE | P_PATH,
	P_SELECT = P_CONTINUE | P_FIELD_SELECTOR | P_LABEL_SELECTOR | P_LIMIT | P_RESOURCE_VERSION |
		   P_RESOURCE_VERSION_MATCH | P_SEND_INITIAL_EVENTS | P_SHARD_SELECTOR | P_TIMEOUT_SECONDS,
	P_LIST = P_SELECT | P_ALLOW_WATCH_BOOKMARKS | P_WATCH | P_PRETTY,
	P_WRITE = P_DRY_RUN | P_FIELD_MANAGER | P_FIELD_VALIDATION | P_PRETTY,
	P_DELETE = P_DRY_RUN | P_GRACE_PERIOD_SECONDS | P_IGNORE_STORE_READ_ERROR | P_ORPHAN_DEPENDENTS |
		   P_PROPAGATION_POLICY | P_PRETTY,
};

static const struct {
	const char *name, *type;
} parameters[] = {
#define X(id, name, type) {name, type},
	PARAMETERS(X)
#undef X
};

enum body { BODY_NONE, BODY_OBJECT, BODY_PATCH, BODY_DELETE };

/* An operation as upstream's documents know them. */
struct operation {
	const char *method, *action, *word; /* "get", "list", "list" */
	unsigned parameters;
	enum body body;
	bool list_types; /* may be answered as a stream */
	const char *codes[4];
};

static const struct operation op_list = {"get", "list", "list", P_LIST, BODY_NONE, true, {"200", "401"}};
static const struct operation op_create = {
	"post", "post", "create", P_WRITE, BODY_OBJECT, false, {"200", "201", "202", "401"}};
static const struct operation op_delete_collection = {
	"delete", "deletecollection", "delete", P_DELETE | P_SELECT, BODY_DELETE, false, {"200", "401"}};
static const struct operation op_get = {"get", "get", "read", P_PRETTY, BODY_NONE, false, {"200", "401"}};
static const struct operation op_put = {"put", "put", "replace", P_WRITE, BODY_OBJECT, false, {"200", "201", "401"}};
static const struct operation op_patch = {
	"patch", "patch", "patch", P_WRITE | P_FORCE, BODY_PATCH, false, {"200", "201", "401"}};
static const struct operation op_delete = {
	"delete", "delete", "delete", P_DELETE, BODY_DELETE, false, {"200", "202", "401"}};
static const struct operation op_watch = {"get", "watch", "watch", P_LIST, BODY_NONE, true, {"200", "401"}};
static const struct operation op_watch_list = {"get", "watchlist", "watch", P_LIST, BODY_NONE, true, {"200", "401"}};

struct document {
	struct arena *arena;
	struct openapi_schemas schemas;
	struct value *paths;
	struct str group, version;
	struct str prefix; /* "/apis/apps/v1" */
	struct str id;	   /* "AppsV1" */
	struct str tag;	   /* "apps_v1" */
};

/* A path while its operations are added. */
struct path {
	struct value *item;
	unsigned fixed; /* parameters of every operation */
	unsigned parameters[12];
	struct value *operations[12];
	size_t len;
	const struct schema *options; /* whose fields are parameters too */
};

static struct value *parameter_tree(struct arena *arena, const char *name, const char *type, bool in_path)
{
	return openapi_object(arena, "name", openapi_string(arena, name), "in",
			      openapi_string(arena, in_path ? "path" : "query"), "required",
			      in_path ? value_bool(arena, true) : NULL, "schema",
			      openapi_object(arena, "type", openapi_string(arena, type), "uniqueItems",
					     value_bool(arena, true), NULL),
			      NULL);
}

static struct value *parameter_list(struct arena *arena, unsigned set)
{
	struct value *list = value_array(arena);

	for (unsigned i = 0; i < PARAMETER_MAX; i++)
		if (set & 1u << i)
			value_append(
				arena, list,
				parameter_tree(arena, parameters[i].name, parameters[i].type, 1u << i & P_IN_PATH));
	return list;
}

static void add_options(struct arena *arena, const struct schema *options, struct value *list)
{
	static const char *const types[FIELD_TYPE_MAX] = {[FIELD_STRING] = "string",
							  [FIELD_BOOL] = "boolean",
							  [FIELD_INT32] = "integer",
							  [FIELD_INT64] = "integer"};

	for (size_t i = 0; options && i < options->len; i++)
		if (types[options->fields[i].type])
			value_append(arena, list,
				     parameter_tree(arena, str_c(options->fields[i].name),
						    types[options->fields[i].type], false));
}

/* What all operations take stands at the path, the rest at each. */
static void finish_path(struct document *d, struct path *path, struct str name)
{
	unsigned common = ~0u;
	struct value *list;

	if (!path->len)
		return;
	for (size_t i = 0; i < path->len; i++)
		common &= path->parameters[i];
	list = parameter_list(d->arena, common | path->fixed);
	add_options(d->arena, path->options, list);
	if (list->array.len)
		value_set(d->arena, path->item, STR("parameters"), list);
	for (size_t i = 0; i < path->len; i++) {
		list = parameter_list(d->arena, path->parameters[i] & ~common);
		if (list->array.len)
			value_set(d->arena, path->operations[i], STR("parameters"), list);
	}
	value_set(d->arena, d->paths, name, path->item);
}

static struct value *content(struct arena *arena, const char *const *types, size_t len, struct value *schema)
{
	struct value *object = value_object(arena);

	for (size_t i = 0; i < len; i++)
		value_set(arena, object, str_from(types[i]), openapi_object(arena, "schema", schema, NULL));
	return object;
}

static struct value *request_body(struct document *d, enum body body, const struct schema *schema)
{
	static const char *const any[] = {"*/*"};
	static const char *const patches[] = {"application/apply-patch+yaml", "application/json-patch+json",
					      "application/merge-patch+json", "application/strategic-merge-patch+json"};
	struct arena *arena = d->arena;

	if (body == BODY_DELETE)
		return openapi_object(arena, "content",
				      content(arena, any, 1, openapi_ref(&d->schemas, &schema_meta_v1_delete_options)),
				      NULL);
	if (body == BODY_PATCH)
		return openapi_object(
			arena, "content",
			content(arena, patches, ARRAY_LEN(patches),
				openapi_ref_named(
					&d->schemas, STR("io.k8s.apimachinery.pkg.apis.meta.v1.Patch"),
					openapi_object(arena, "type", openapi_string(arena, "object"), NULL))),
			"required", value_bool(arena, true), NULL);
	if (body == BODY_NONE || !schema)
		return NULL;
	return openapi_object(arena, "content", content(arena, any, 1, openapi_ref(&d->schemas, schema)), "required",
			      value_bool(arena, true), NULL);
}

static struct value *responses(struct document *d, const struct operation *op, struct value *schema)
{
	static const char *const types[] = {"application/json", "application/vnd.kubernetes.protobuf",
					    "application/yaml", "application/json;stream=watch",
					    "application/vnd.kubernetes.protobuf;stream=watch"};
	struct arena *arena = d->arena;
	struct value *result = value_object(arena);

	for (size_t i = 0; i < ARRAY_LEN(op->codes) && op->codes[i]; i++) {
		bool refused = strcmp(op->codes[i], "401") == 0;
		const char *text = refused		    ? "Unauthorized"
				   : i == 0		    ? "OK"
				   : op->codes[i][2] == '1' ? "Created"
							    : "Accepted";

		value_set(arena, result, str_from(op->codes[i]),
			  openapi_object(arena, "description", openapi_string(arena, text), "content",
					 refused ? NULL : content(arena, types, op->list_types ? 5 : 3, schema), NULL));
	}
	return result;
}

static struct value *kind_tree(struct arena *arena, struct str group, struct str version, struct str kind)
{
	return openapi_object(arena, "group", value_string(arena, group), "kind", value_string(arena, kind), "version",
			      value_string(arena, version), NULL);
}

/* What an operation is about and what it answers. */
struct subject {
	struct str id; /* after the word and the group: "NamespacedPodStatus" */
	struct str group, version, kind;
	const struct schema *body;
	struct value *answer;
};

static void add_operation(struct document *d, struct path *path, const struct operation *op,
			  const struct subject *about)
{
	struct arena *arena = d->arena;
	struct value *tags = value_array(arena), *tree;

	value_append(arena, tags, value_string(arena, d->tag));
	tree = openapi_object(
		arena, "operationId",
		value_string(arena, arena_printf(arena, "%s" STR_FMT "%s" STR_FMT, op->word, STR_ARG(d->id),
						 op == &op_delete_collection ? "Collection" : "", STR_ARG(about->id))),
		"requestBody", request_body(d, op->body, about->body), "responses", responses(d, op, about->answer),
		"tags", tags, "x-kubernetes-action", openapi_string(arena, op->action),
		"x-kubernetes-group-version-kind", kind_tree(arena, about->group, about->version, about->kind), NULL);
	value_set(arena, path->item, str_from(op->method), tree);
	path->operations[path->len] = tree;
	path->parameters[path->len++] = op->parameters;
}

static struct path path_begin(struct document *d, unsigned fixed)
{
	return (struct path){.item = value_object(d->arena), .fixed = fixed};
}

static struct subject subject_of(struct document *d, const struct resource *r, struct str suffix)
{
	return (struct subject){
		.id = arena_printf(d->arena, "%s" STR_FMT STR_FMT, r->namespaced ? "Namespaced" : "", STR_ARG(r->kind),
				   STR_ARG(suffix)),
		.group = r->group,
		.version = r->version,
		.kind = r->kind,
		.body = r->schema,
		.answer = openapi_ref(&d->schemas, r->schema),
	};
}

/* "/apis/apps/v1[/watch][/namespaces/{namespace}]/deployments" */
static struct str path_name(struct document *d, const struct resource *r, const char *watch, bool namespaced)
{
	return arena_printf(d->arena, STR_FMT "%s%s/" STR_FMT, STR_ARG(d->prefix), watch,
			    namespaced ? "/namespaces/{namespace}" : "", STR_ARG(r->plural));
}

static void add_collection(struct document *d, const struct resource *r)
{
	struct subject about = subject_of(d, r, STR_EMPTY), all = about, status = about;
	struct path path = path_begin(d, r->namespaced ? P_NAMESPACE : 0), everywhere = path_begin(d, 0);

	status.answer = openapi_ref(&d->schemas, &schema_meta_v1_status);
	if (r->verbs & VERB_DELETE_COLLECTION)
		add_operation(d, &path, &op_delete_collection, &status);
	if (r->verbs & VERB_LIST && r->list_schema) {
		all.answer = openapi_ref(&d->schemas, r->list_schema);
		add_operation(d, &path, &op_list, &all);
		all.id = arena_printf(d->arena, STR_FMT "ForAllNamespaces", STR_ARG(r->kind));
		if (r->namespaced)
			add_operation(d, &everywhere, &op_list, &all);
	}
	if (r->verbs & VERB_CREATE)
		add_operation(d, &path, &op_create, &about);
	finish_path(d, &path, path_name(d, r, "", r->namespaced));
	finish_path(d, &everywhere, path_name(d, r, "", false));
}

static void add_verbs(struct document *d, struct path *path, unsigned verbs, const struct subject *about)
{
	struct subject status = *about;

	status.answer = openapi_ref(&d->schemas, &schema_meta_v1_status);
	if (verbs & VERB_DELETE)
		add_operation(d, path, &op_delete, &status);
	if (verbs & VERB_GET)
		add_operation(d, path, &op_get, about);
	if (verbs & VERB_PATCH)
		add_operation(d, path, &op_patch, about);
	if (verbs & VERB_CREATE)
		add_operation(d, path, &op_create, about);
	if (verbs & VERB_UPDATE)
		add_operation(d, path, &op_put, about);
}

static void add_item(struct document *d, const struct resource *r)
{
	struct subject about = subject_of(d, r, STR_EMPTY);
	struct path path = path_begin(d, P_NAME | (r->namespaced ? P_NAMESPACE : 0));

	add_verbs(d, &path, r->verbs & (VERB_DELETE | VERB_GET | VERB_PATCH | VERB_UPDATE), &about);
	finish_path(d, &path, arena_printf(d->arena, STR_FMT "/{name}", STR_ARG(path_name(d, r, "", r->namespaced))));
}

static void add_watch_path(struct document *d, const struct resource *r, const struct operation *op, const char *suffix,
			   unsigned fixed, struct str name)
{
	struct subject about = subject_of(d, r, STR_EMPTY);
	struct path path = path_begin(d, fixed);

	about.answer = openapi_ref(&d->schemas, &schema_meta_v1_watch_event);
	if (strcmp(suffix, "ListForAllNamespaces") == 0)
		about.id = r->kind;
	about.id = arena_printf(d->arena, STR_FMT "%s", STR_ARG(about.id), suffix);
	add_operation(d, &path, op, &about);
	finish_path(d, &path, name);
}

static void add_watches(struct document *d, const struct resource *r)
{
	unsigned fixed = r->namespaced ? P_NAMESPACE : 0;
	struct str name = path_name(d, r, "/watch", r->namespaced);

	add_watch_path(d, r, &op_watch_list, "List", fixed, name);
	if (r->verbs & VERB_GET)
		add_watch_path(d, r, &op_watch, "", fixed | P_NAME,
			       arena_printf(d->arena, STR_FMT "/{name}", STR_ARG(name)));
	if (r->namespaced)
		add_watch_path(d, r, &op_watch_list, "ListForAllNamespaces", 0, path_name(d, r, "/watch", false));
}

/* "status" -> "Status" */
static struct str capital(struct arena *arena, struct str word)
{
	if (!word.len || word.data[0] < 'a' || word.data[0] > 'z')
		return word;
	return arena_printf(arena, "%c" STR_FMT, word.data[0] - 'a' + 'A', STR_ARG(str_from_at(word, 1)));
}

/* Requests that become connections: every method that opens one. */
static void add_connect(struct document *d, const struct resource *r, const struct subresource *sub, bool with_path)
{
	static const struct {
		unsigned verb;
		const char *method, *word;
	} methods[] = {
		{VERB_DELETE, "delete", "connectDelete"}, {VERB_GET, "get", "connectGet"},
		{VERB_DELETE, "head", "connectHead"},	  {VERB_DELETE, "options", "connectOptions"},
		{VERB_PATCH, "patch", "connectPatch"},	  {VERB_CREATE, "post", "connectPost"},
		{VERB_UPDATE, "put", "connectPut"},
	};
	static const char *const any[] = {"*/*"};
	struct arena *arena = d->arena;
	struct path path = path_begin(d, P_NAME | (r->namespaced ? P_NAMESPACE : 0) | (with_path ? P_PATH : 0));
	struct subject about = subject_of(d, r, capital(arena, sub->name));

	about.group = sub->group;
	about.version = sub->version;
	about.kind = sub->kind;
	path.options = sub->schema;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct value *answer =
			content(arena, any, 1, openapi_object(arena, "type", openapi_string(arena, "string"), NULL));
		struct value *tree, *tags = value_array(arena);

		if (!(sub->verbs & methods[i].verb))
			continue;
		value_append(arena, tags, value_string(arena, d->tag));
		/* The method's name stands after the group: connectCoreV1GetNamespacedPodExec. */
		tree = openapi_object(
			arena, "operationId",
			value_string(arena, arena_printf(arena, "connect" STR_FMT "%s" STR_FMT "%s", STR_ARG(d->id),
							 methods[i].word + strlen("connect"), STR_ARG(about.id),
							 with_path ? "WithPath" : "")),
			"responses",
			openapi_object(
				arena, "200",
				openapi_object(arena, "description", openapi_string(arena, "OK"), "content", answer,
					       NULL),
				"401",
				openapi_object(arena, "description", openapi_string(arena, "Unauthorized"), NULL),
				NULL),
			"tags", tags, "x-kubernetes-action", openapi_string(arena, "connect"),
			"x-kubernetes-group-version-kind", kind_tree(arena, about.group, about.version, about.kind),
			NULL);
		value_set(arena, path.item, str_from(methods[i].method), tree);
		path.operations[path.len++] = tree;
	}
	finish_path(d, &path,
		    arena_printf(arena, STR_FMT "/{name}/" STR_FMT "%s", STR_ARG(path_name(d, r, "", r->namespaced)),
				 STR_ARG(sub->name), with_path ? "/{path}" : ""));
}

static void add_subresource(struct document *d, const struct resource *r, const struct subresource *sub)
{
	struct arena *arena = d->arena;
	struct path path = path_begin(d, P_NAME | (r->namespaced ? P_NAMESPACE : 0));
	struct subject about = subject_of(d, r, capital(arena, sub->name));

	if (sub->connect) {
		add_connect(d, r, sub, false);
		if (str_eq(sub->name, STR("proxy")))
			add_connect(d, r, sub, true);
		return;
	}
	about.group = sub->group;
	about.version = sub->version;
	about.kind = sub->kind;
	about.body = sub->schema;
	if (sub->schema) {
		about.answer = openapi_ref(&d->schemas, sub->schema);
	} else {
		about.answer = openapi_object(arena, "type", openapi_string(arena, "string"), NULL);
		path.options = schema_by_name(STR("core/v1.PodLogOptions"));
	}
	add_verbs(d, &path, sub->verbs, &about);
	finish_path(d, &path,
		    arena_printf(arena, STR_FMT "/{name}/" STR_FMT, STR_ARG(path_name(d, r, "", r->namespaced)),
				 STR_ARG(sub->name)));
}

static void add_resource(struct document *d, const struct resource *r)
{
	add_collection(d, r);
	add_item(d, r);
	if (r->verbs & VERB_WATCH)
		add_watches(d, r);
	for (size_t i = 0; i < r->subresources_len; i++)
		add_subresource(d, r, &r->subresources[i]);
}

/* "rbac.authorization.k8s.io" -> "RbacAuthorization", or with a small first letter. */
static struct str group_word(struct arena *arena, struct str group, bool small)
{
	struct str rest = group.len ? group : STR("core"), part, word = STR_EMPTY;
	bool more = true;

	if (str_has_suffix(rest, STR(".k8s.io")))
		rest = str_sub(rest, 0, rest.len - strlen(".k8s.io"));
	while (more) {
		more = str_cut(rest, '.', &part, &rest);
		word = arena_concat(arena, word, small && !word.len ? part : capital(arena, part));
	}
	return word;
}

static struct value *group_answer(struct openapi_schemas *schemas, const struct schema *schema)
{
	static const char *const types[] = {"application/json", "application/vnd.kubernetes.protobuf",
					    "application/yaml"};
	struct arena *arena = schemas->arena;

	return openapi_object(arena, "200",
			      openapi_object(arena, "description", openapi_string(arena, "OK"), "content",
					     content(arena, types, 3, openapi_ref(schemas, schema)), NULL),
			      "401", openapi_object(arena, "description", openapi_string(arena, "Unauthorized"), NULL),
			      NULL);
}

/* A path whose only use is to be read. */
static void add_read(struct arena *arena, struct value *paths, struct str path, struct str id, struct str tag,
		     struct value *answers)
{
	struct value *tags = value_array(arena);

	value_append(arena, tags, value_string(arena, tag));
	value_set(arena, paths, path,
		  openapi_object(arena, "get",
				 openapi_object(arena, "operationId", value_string(arena, id), "responses", answers,
						"tags", tags, NULL),
				 NULL));
}

static void write_document(struct openapi_schemas *schemas, struct value *paths, struct buf *out)
{
	struct arena *arena = schemas->arena;
	struct value *security = openapi_object(
		arena, "BearerToken",
		openapi_object(arena, "type", openapi_string(arena, "apiKey"), "in", openapi_string(arena, "header"),
			       "name", openapi_string(arena, "authorization"), "description",
			       openapi_string(arena, "Bearer Token authentication"), NULL),
		NULL);
	struct value *tree;

	openapi_finish(schemas);
	tree = openapi_object(arena, "openapi", openapi_string(arena, "3.0.0"), "info",
			      openapi_object(arena, "title", openapi_string(arena, "Kubernetes"), "version",
					     openapi_string(arena, "unversioned"), NULL),
			      "paths", paths, "components",
			      openapi_object(arena, "schemas", schemas->schemas, "securitySchemes", security, NULL),
			      NULL);
	value_sort(tree);
	json_write(tree, out);
}

void openapi_v3_document(struct str group, struct str version, const struct resource *const *list, size_t len,
			 struct buf *out)
{
	struct arena cleanup_arena arena = {0};
	struct document d = {
		.arena = &arena,
		.paths = value_object(&arena),
		.group = group,
		.version = version,
		.schemas = {.arena = &arena, .group = group, .version = version, .schemas = value_object(&arena)},
	};

	d.prefix = arena_printf(&arena, "%s" STR_FMT "/" STR_FMT, group.len ? "/apis/" : "/api", STR_ARG(group),
				STR_ARG(version));
	d.id = arena_concat(&arena, group_word(&arena, group, false), capital(&arena, version));
	d.tag = arena_printf(&arena, STR_FMT "_" STR_FMT, STR_ARG(group_word(&arena, group, true)), STR_ARG(version));
	add_read(&arena, d.paths, arena_concat(&arena, d.prefix, STR("/")),
		 arena_printf(&arena, "get" STR_FMT "APIResources", STR_ARG(d.id)), d.tag,
		 group_answer(&d.schemas, &schema_meta_v1_api_resource_list));
	for (size_t i = 0; i < len; i++)
		if (list[i]->schema && str_eq(list[i]->group, group) && str_eq(list[i]->version, version))
			add_resource(&d, list[i]);
	write_document(&d.schemas, d.paths, out);
}

void openapi_v3_builtin(struct str group, struct str version, struct buf *out)
{
	const struct resource **list = xcalloc(resources_len, sizeof(const struct resource *));
	size_t len = 0;

	for (size_t i = 0; i < resources_len; i++)
		if (resources[i].stability == STABILITY_GA)
			list[len++] = &resources[i];
	openapi_v3_document(group, version, list, len, out);
	free(list);
}

bool openapi_v3_other(struct str path, struct buf *out)
{
	static const struct {
		const char *path, *id, *tag;
		const struct schema *schema;
	} others[] = {
		{"api", "getCoreAPIVersions", "core", &schema_meta_v1_api_versions},
		{"apis", "getAPIVersions", "apis", &schema_meta_v1_api_group_list},
		{"version", "getCodeVersion", "version", NULL},
		{".well-known/openid-configuration", "getServiceAccountIssuerOpenIDConfiguration", "WellKnown", NULL},
		{"openid/v1/jwks", "getServiceAccountIssuerOpenIDKeyset", "openid", NULL},
	};
	static const char *const json[] = {"application/json"};
	struct arena cleanup_arena arena = {0};
	struct openapi_schemas schemas = {.arena = &arena, .schemas = value_object(&arena)};
	struct value *paths = value_object(&arena), *answers;
	struct str name = arena_printf(&arena, "/" STR_FMT "/", STR_ARG(path)),
		   group = str_from_at(path, strlen("apis/"));

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (!str_eq_c(path, others[i].path))
			continue;
		answers = others[i].schema
				  ? group_answer(&schemas, others[i].schema)
				  : openapi_object(
					    &arena, "200",
					    openapi_object(
						    &arena, "description", openapi_string(&arena, "OK"), "content",
						    content(&arena, json, 1,
							    openapi_object(&arena, "type",
									   openapi_string(&arena, "string"), NULL)),
						    NULL),
					    NULL);
		add_read(&arena, paths, name, str_from(others[i].id), str_from(others[i].tag), answers);
		write_document(&schemas, paths, out);
		return true;
	}
	if (!str_has_prefix(path, STR("apis/")) || !group.len || str_index(group, '/') >= 0)
		return false;
	add_read(&arena, paths, name,
		 arena_printf(&arena, "get" STR_FMT "APIGroup", STR_ARG(group_word(&arena, group, false))),
		 group_word(&arena, group, true), group_answer(&schemas, &schema_meta_v1_api_group));
	write_document(&schemas, paths, out);
	return true;
}

void openapi_v3_index(const struct openapi_entry *entries, size_t len, struct buf *out)
{
	struct arena cleanup_arena arena = {0};
	struct value *paths = value_object(&arena);

	for (size_t i = 0; i < len; i++)
		value_set(&arena, paths, entries[i].path,
			  openapi_object(&arena, "serverRelativeURL",
					 value_string(&arena,
						      arena_printf(&arena, "/openapi/v3/" STR_FMT "?hash=" STR_FMT,
								   STR_ARG(entries[i].path), STR_ARG(entries[i].hash))),
					 NULL));
	value_sort(paths);
	json_write(openapi_object(&arena, "paths", paths, NULL), out);
}

/* FNV-1a of 128 bits: not for secrets, only to tell one text from another. */
void openapi_hash(struct str text, char ret[OPENAPI_HASH_SIZE])
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned __int128 prime = (unsigned __int128)1 << 88 | 0x13b;
	unsigned __int128 hash = (unsigned __int128)0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * prime;
	for (size_t i = 0; i < OPENAPI_HASH_SIZE - 1; i++)
		ret[i] = digits[(unsigned)(hash >> (124 - 4 * i)) & 15];
	ret[OPENAPI_HASH_SIZE - 1] = '\0';
}
