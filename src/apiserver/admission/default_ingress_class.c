/* DefaultIngressClass: an ingress that names no class gets the default one, if there is one. */
#include "apiserver/admission/default_class.h"
#include "apiserver/admission_plugins.h"
#include "types/gen/networking_v1.h"
#include "types/selector.h"

static enum step_result mutate(struct request *request)
{
	static const char *const annotations[] = {"ingressclass.kubernetes.io/is-default-class", NULL};
	struct networking_v1_ingress *ingress = request->object;

	if (request->schema != &schema_networking_v1_ingress || request->subresource ||
	    ingress->spec.ingress_class_name ||
	    str_map_get(&ingress->metadata.annotations, STR("kubernetes.io/ingress.class")))
		return STEP_NEXT;
	ingress->spec.ingress_class_name = find_default_class(
		request, resource_find(STR("networking.k8s.io"), STR("v1"), STR("ingressclasses")), annotations);
	return STEP_NEXT;
}

const struct admission_plugin admission_default_ingress_class = {
	.name = "DefaultIngressClass",
	.operations = OP_CREATE,
	.mutate = mutate,
};
