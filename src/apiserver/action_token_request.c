/*
 * serviceaccounts/token: a token for a service account, perhaps bound to a pod, a secret or a node.
 *
 * A kubelet's request for a pod's API token (3607 seconds, as the ServiceAccount plug-in writes it) gets one that lasts
 * a year and says when it should have been renewed: upstream's help for clients that read their token once.
 */
#include "apiserver/actions.h"
#include "apiserver/encode.h"
#include "apiserver/server.h"
#include "apiserver/service_token.h"
#include "apiserver/status.h"
#include "base/random.h"
#include "types/field_error.h"
#include "types/gen/authentication_v1.h"
#include "types/gen/core_v1.h"
#include "types/object.h"

#define DEFAULT_SECONDS	     3600
#define MIN_SECONDS	     600
#define MAX_SECONDS	     (INT64_C(1) << 32)
#define EXTENDABLE_SECONDS   3607
#define EXTENDED_SECONDS     (INT64_C(365) * 24 * 3600)
#define AUTHENTICATION_GROUP STR("authentication.k8s.io")

static enum step_result refuse_field(struct request *request, struct str name, const struct path *path,
				     struct field_value value, const char *why)
{
	struct field_errors errors = {.arena = &request->arena};

	field_invalid(&errors, path, value, "%s", why);
	return status_field_errors(request, AUTHENTICATION_GROUP, STR("TokenRequest"), name, &errors);
}

static enum step_result check_metadata(struct request *request, const struct meta_v1_object_meta *meta)
{
	const struct path *path = FIELD(NULL, "metadata");

	if (meta->name.len && !str_eq(meta->name, request->info.name))
		return refuse_field(request, request->info.name, FIELD(path, "name"), VALUE(meta->name),
				    "must match the service account name if specified");
	if (meta->namespace.len && !str_eq(meta->namespace, request->info.name_space))
		return refuse_field(request, request->info.name, FIELD(path, "namespace"), VALUE(meta->namespace),
				    "must match the service account namespace if specified");
	return STEP_NEXT;
}

static enum step_result check_seconds(struct request *request, int64_t seconds)
{
	const struct path *path = FIELD(FIELD(NULL, "spec"), "expirationSeconds");

	if (seconds < MIN_SECONDS)
		return refuse_field(request, STR_EMPTY, path, VALUE(seconds),
				    "may not specify a duration less than 10 minutes");
	if (seconds > MAX_SECONDS)
		return refuse_field(request, STR_EMPTY, path, VALUE(seconds),
				    "may not specify a duration larger than 2^32 seconds");
	return STEP_NEXT;
}

static enum step_result conflict(struct request *request, struct str group, struct str kind, struct str name,
				 struct str why)
{
	struct meta_v1_status_details details = {.group = group, .kind = kind, .name = name};
	struct str shown = status_resource_name(&request->arena, group, kind);

	status_fail(request, ERR_CONFLICT, "Operation cannot be fulfilled on " STR_FMT " \"" STR_FMT "\": " STR_FMT,
		    STR_ARG(shown), STR_ARG(name), STR_ARG(why));
	request->status->details = ARENA_DUP(&request->arena, struct meta_v1_status_details, &details);
	return STEP_DONE;
}

static const struct object *lookup(struct request *request, const char *plural, struct str name_space, struct str name)
{
	return request_lookup(&request->context, STR_EMPTY, str_from(plural), name_space, name);
}

/* A pod's token also says which node the pod is on. */
static enum step_result bind_pod(struct request *request, const struct object *object, struct service_token *token)
{
	const struct core_v1_pod *pod = OBJECT_AS(core_v1_pod, object);
	const struct object *node;

	if (!str_eq(pod->spec.service_account_name, request->info.name))
		return status_bad_request(request,
					  "cannot bind token for serviceaccount \"" STR_FMT
					  "\" to pod running with different serviceaccount name.",
					  STR_ARG(request->info.name));
	token->pod = (struct service_token_ref){object->meta->name, object->meta->uid};
	if (pod->spec.node_name.len == 0)
		return STEP_NEXT;
	node = lookup(request, "nodes", STR_EMPTY, pod->spec.node_name);
	token->node = (struct service_token_ref){pod->spec.node_name, node ? node->meta->uid : STR_EMPTY};
	return STEP_NEXT;
}

static enum step_result bind_to(struct request *request, const struct authentication_v1_bound_object_reference *ref,
				struct service_token *token)
{
	static const struct {
		const char *kind, *plural;
		bool namespaced;
	} kinds[] = {{"Pod", "pods", true}, {"Node", "nodes", false}, {"Secret", "secrets", true}};
	const struct object *object;
	size_t kind = 0;

	while (kind < ARRAY_LEN(kinds) && !str_eq_c(ref->kind, kinds[kind].kind))
		kind++;
	if (kind == ARRAY_LEN(kinds) || str_index(ref->api_version, '/') >= 0)
		return status_bad_request(request, "cannot bind token to object of type " STR_FMT ", Kind=" STR_FMT,
					  STR_ARG(ref->api_version), STR_ARG(ref->kind));
	object = lookup(request, kinds[kind].plural, kinds[kind].namespaced ? token->name_space : STR_EMPTY, ref->name);
	if (!object)
		return status_not_found_in(request, STR_EMPTY, str_from(kinds[kind].plural), ref->name);
	if (kind == 0 && bind_pod(request, object, token) != STEP_NEXT)
		return STEP_DONE;
	if (kind == 1)
		token->node = (struct service_token_ref){object->meta->name, object->meta->uid};
	if (kind == 2)
		token->secret = (struct service_token_ref){object->meta->name, object->meta->uid};
	if (ref->uid.len && !str_eq(ref->uid, object->meta->uid))
		return conflict(request, STR_EMPTY, ref->kind, ref->name,
				arena_printf(&request->arena,
					     "the UID in the bound object reference (" STR_FMT
					     ") does not match the UID in record. The object might have been deleted "
					     "and then recreated",
					     STR_ARG(ref->uid)));
	return STEP_NEXT;
}

/* A node gets tokens for its own pods, and names them by uid. */
static enum step_result check_node(struct request *request, const struct authentication_v1_bound_object_reference *ref,
				   const struct service_token *token)
{
	static const struct str prefix = STR_INIT("system:node:");
	const char *why = NULL;

	if (!str_has_prefix(request->user.name, prefix) || !user_in_group(&request->user, STR("system:nodes")))
		return STEP_NEXT;
	if (token->pod.name.len == 0)
		why = "node requested token not bound to a pod";
	else if (ref->uid.len == 0)
		why = "node requested token with a pod binding without a uid";
	else if (!str_eq(token->node.name, str_from_at(request->user.name, prefix.len)))
		why = "node requested token bound to a pod scheduled on a different node";
	return why ? status_forbidden(request, STR_EMPTY, STR("serviceaccounts"), request->info.name, str_from(why))
		   : STEP_NEXT;
}

/* Are all of them audiences of the API itself? */
static bool is_for_api(const struct str_slice *audiences, struct str api)
{
	for (size_t i = 0; i < audiences->len; i++)
		if (!str_eq(audiences->items[i], api))
			return false;
	return true;
}

static void set_times(struct request *request, int64_t seconds, struct service_token *token)
{
	char id[UUID_SIZE];

	token->issued_at = token->not_before = request->now.seconds;
	token->expires_at = request->now.seconds + seconds;
	if (token->pod.name.len && seconds == EXTENDABLE_SECONDS &&
	    is_for_api(&token->audiences, request->server->config.token_issuer.name)) {
		token->warn_after = token->expires_at;
		token->expires_at = request->now.seconds + EXTENDED_SECONDS;
	}
	random_uuid(id);
	token->id = arena_str_c(&request->arena, id);
}

static enum step_result issue(struct request *request, struct authentication_v1_token_request *asked, int64_t seconds,
			      struct service_token *token)
{
	struct error err = {0};

	set_times(request, seconds, token);
	asked->spec.audiences = token->audiences;
	asked->spec.expiration_seconds = ARENA_DUP(&request->arena, int64_t, &seconds);
	asked->status.expiration_timestamp = request->now;
	asked->status.expiration_timestamp.seconds += seconds;
	if (service_token_sign(&request->server->config.token_issuer, token, &request->arena, &asked->status.token,
			       &err) < 0)
		return status_fail(request, ERR_INTERNAL, "failed to generate token: %s", err.message);
	return respond_struct(request, 201, &schema_authentication_v1_token_request, asked);
}

static enum step_result run(struct request *request)
{
	struct authentication_v1_token_request *asked = request->decoded;
	const struct service_token_issuer *issuer = &request->server->config.token_issuer;
	int64_t seconds = asked->spec.expiration_seconds ? *asked->spec.expiration_seconds : DEFAULT_SECONDS;
	struct service_token token = {.name_space = request->info.name_space, .audiences = asked->spec.audiences};
	struct meta_v1_object_meta *meta = &asked->metadata;
	const struct object *account;

	if (!issuer->key)
		return status_fail(request, ERR_SERVICE_UNAVAILABLE, "this server has no key to sign tokens with");
	if (check_metadata(request, meta) != STEP_NEXT)
		return STEP_DONE;
	account = lookup(request, "serviceaccounts", request->info.name_space, request->info.name);
	if (!account)
		return status_not_found(request, request->info.name);
	if (meta->uid.len && !str_eq(meta->uid, account->meta->uid))
		return conflict(request, AUTHENTICATION_GROUP, STR("TokenRequest"), request->info.name,
				arena_printf(&request->arena,
					     "the UID in the token request (" STR_FMT
					     ") does not match the UID of the service account (" STR_FMT ")",
					     STR_ARG(meta->uid), STR_ARG(account->meta->uid)));
	if (token.audiences.len == 0)
		token.audiences = (struct str_slice){&issuer->name, 1};
	token.account = (struct service_token_ref){account->meta->name, account->meta->uid};
	meta->name = account->meta->name;
	meta->namespace = account->meta->namespace;
	meta->uid = account->meta->uid;
	meta->creation_timestamp = request->now;
	asked->status = (struct authentication_v1_token_request_status){0};
	if (check_seconds(request, seconds) != STEP_NEXT)
		return STEP_DONE;
	if (asked->spec.bound_object_ref && bind_to(request, asked->spec.bound_object_ref, &token) != STEP_NEXT)
		return STEP_DONE;
	if (check_node(request, asked->spec.bound_object_ref, &token) != STEP_NEXT)
		return STEP_DONE;
	return issue(request, asked, seconds, &token);
}

const struct action action_token_request = {
	.plural = STR_INIT("serviceaccounts"),
	.subresource = STR_INIT("token"),
	.verbs = VERB_CREATE,
	.run = run,
};
