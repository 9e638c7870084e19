/* The authorizer of roles and bindings; reasons in upstream's words. */
#include "apiserver/rbac.h"
#include "apiserver/rbac_rules.h"
#include "types/field_error.h"

struct rbac_authorizer {
	struct authorizer authorizer;
	struct rbac *rbac;
};

struct question {
	const struct authorization_attributes *asked;
	struct arena *arena;
	bool allowed;
	struct str reason;
	VEC_OF(struct str) missing; /* roles bound, but not there */
};

/* `ClusterRoleBinding "x" of ClusterRole "y" to ServiceAccount "a/ns"`. */
static struct str describe(const struct rbac_grant *grant, struct arena *arena)
{
	bool everywhere = grant->name_space.len == 0;
	struct str binding = grant->binding, subject = grant->subject->name, role;

	if (!everywhere)
		binding = arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(binding), STR_ARG(grant->name_space));
	if (grant->subject->namespace.len)
		subject =
			arena_printf(arena, STR_FMT "/" STR_FMT, STR_ARG(subject), STR_ARG(grant->subject->namespace));
	binding = quote_go(binding, arena);
	role = quote_go(grant->role->name, arena);
	subject = quote_go(subject, arena);
	return arena_printf(arena, "RBAC: allowed by %s " STR_FMT " of " STR_FMT " " STR_FMT " to " STR_FMT " " STR_FMT,
			    everywhere ? "ClusterRoleBinding" : "RoleBinding", STR_ARG(binding),
			    STR_ARG(grant->role->kind), STR_ARG(role), STR_ARG(grant->subject->kind), STR_ARG(subject));
}

static void note_missing(struct question *question, const struct rbac_grant *grant)
{
	struct str text = rbac_missing_text(grant->role, question->arena);

	for (size_t i = 0; i < question->missing.len; i++)
		if (str_eq(question->missing.items[i], text))
			return;
	vec_push(question->arena, &question->missing, text);
}

static bool visit(void *data, const struct rbac_grant *grant)
{
	struct question *question = data;

	if (grant->missing)
		note_missing(question, grant);
	else if (rbac_rules_allow(&grant->rules, question->asked)) {
		question->allowed = true;
		question->reason = describe(grant, question->arena);
	}
	return !question->allowed;
}

static struct str missing_reason(const struct question *question)
{
	struct str text = STR_EMPTY;

	if (question->missing.len == 0)
		return text;
	for (size_t i = 0; i < question->missing.len; i++)
		text = arena_printf(question->arena, STR_FMT "%s" STR_FMT, STR_ARG(text), i ? ", " : "",
				    STR_ARG(question->missing.items[i]));
	return arena_printf(question->arena, question->missing.len > 1 ? "RBAC: [" STR_FMT "]" : "RBAC: " STR_FMT,
			    STR_ARG(text));
}

static enum authorization_decision authorize(struct authorizer *authorizer,
					     const struct authorization_attributes *asked, struct arena *arena,
					     struct str *ret_reason)
{
	struct rbac_authorizer *self = CONTAINER_OF(authorizer, struct rbac_authorizer, authorizer);
	struct question question = {.asked = asked, .arena = arena};
	struct rbac_snapshot *snapshot = rbac_acquire(self->rbac);

	rbac_visit(snapshot, asked->user, asked->is_resource ? asked->name_space : STR_EMPTY, visit, &question);
	rbac_release(self->rbac, snapshot);
	*ret_reason = question.allowed ? question.reason : missing_reason(&question);
	return question.allowed ? AUTHORIZATION_ALLOW : AUTHORIZATION_NO_OPINION;
}

static void free_it(struct authorizer *authorizer)
{
	free(CONTAINER_OF(authorizer, struct rbac_authorizer, authorizer));
}

struct authorizer *authorizer_new_rbac(struct rbac *rbac)
{
	struct rbac_authorizer *self = XNEW(struct rbac_authorizer);

	self->authorizer = (struct authorizer){.name = "rbac", .type = "RBAC", .authorize = authorize, .free = free_it};
	self->rbac = rbac;
	return &self->authorizer;
}
