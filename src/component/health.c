/* Health checks; see health.h. */
#include "component/health.h"

#define CHECKS_MAX 64

struct check {
	const char *name;
	unsigned kinds;
	bool (*ok)(void *data);
	void *data;
	const char *reason;
};

struct health {
	struct check checks[CHECKS_MAX];
	size_t len;
};

struct health *health_new(void)
{
	return XNEW(struct health);
}

struct health *health_free(struct health *health)
{
	free(health);
	return NULL;
}

void health_add(struct health *health, const char *name, unsigned kinds, bool (*ok)(void *data), void *data)
{
	assert(health->len < CHECKS_MAX);
	health->checks[health->len++] = (struct check){name, kinds, ok, data, "reason withheld"};
}

void health_explain(struct health *health, const char *name, const char *reason)
{
	for (size_t i = 0; i < health->len; i++)
		if (strcmp(health->checks[i].name, name) == 0)
			health->checks[i].reason = reason;
}

static bool excluded(const struct health_query *query, const char *name)
{
	if (!query->params)
		return false;
	SLICE_FOREACH (param, *query->params)
		if (str_eq(param->name, STR("exclude")) && str_eq_c(param->value, name))
			return true;
	return false;
}

static bool passes(const struct check *check)
{
	return !check->ok || check->ok(check->data);
}

static int report_one(const struct health *health, const struct health_query *query, struct buf *out)
{
	for (size_t i = 0; i < health->len; i++) {
		const struct check *check = &health->checks[i];

		if (!(check->kinds & query->kind) || !str_eq_c(query->check, check->name))
			continue;
		if (passes(check)) {
			buf_c(out, "ok");
			return 200;
		}
		buf_printf(out, "internal server error: %s is not well\n", check->name);
		return 500;
	}
	return 404;
}

int health_report(const struct health *health, const struct health_query *query, struct buf *out)
{
	bool well = true;

	if (query->check.len)
		return report_one(health, query, out);
	for (size_t i = 0; i < health->len; i++) {
		const struct check *check = &health->checks[i];

		if (!(check->kinds & query->kind))
			continue;
		if (excluded(query, check->name)) {
			buf_printf(out, "[+]%s excluded: ok\n", check->name);
		} else if (passes(check)) {
			buf_printf(out, "[+]%s ok\n", check->name);
		} else {
			buf_printf(out, "[-]%s failed: %s\n", check->name, check->reason);
			well = false;
		}
	}
	if (!well) {
		buf_printf(out, STR_FMT " check failed\n", STR_ARG(query->name));
		return 500;
	}
	if (query->verbose) {
		buf_printf(out, STR_FMT " check passed\n", STR_ARG(query->name));
		return 200;
	}
	buf_clear(out);
	buf_c(out, "ok");
	return 200;
}
