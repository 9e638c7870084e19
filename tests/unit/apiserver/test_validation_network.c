/* Validation of the networking kinds. */
#include "unit.h"

#include "validation.h"

#define INGRESS	       "networking.k8s.io/v1/ingresses"
#define BACKEND	       "{service: {name: s, port: {number: 80}}}"
#define DEFAULT	       "defaultBackend: " BACKEND
#define PATH(type, at) "{spec: {rules: [{http: {paths: [{pathType: " type ", path: " at ", backend: " BACKEND "}]}}]}}"
#define CLASS	       "networking.k8s.io/v1/ingressclasses"
#define CLASS_OF(more) "{spec: {controller: example.com/x" more "}}"
#define POLICY	       "networking.k8s.io/v1/networkpolicies"
#define CIDR	       "networking.k8s.io/v1/servicecidrs"

static void test_ingresses(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{INGRESS, "{spec: {" DEFAULT "}}", ""},
		{INGRESS,
		 "{spec: {ingressClassName: nginx, tls: [{hosts: [a.example.com, '*.b.example.com'], secretName: t}], "
		 "rules: "
		 "[{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: " BACKEND "}, {path: "
		 "'/x(/|$)(.*)', pathType: ImplementationSpecific, backend: {service: {name: s, port: {name: "
		 "http}}}}]}}]}}",
		 ""},
		{INGRESS, "{spec: {}}",
		 "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"},
		{INGRESS, "{spec: {defaultBackend: {}}}",
		 "spec.defaultBackend: Invalid value: \"\": resource or service backend is required"},
		{INGRESS, "{spec: {defaultBackend: {service: {}}}}",
		 "[spec.defaultBackend.service.name: Required value, spec.defaultBackend: Required value: port name or "
		 "number "
		 "is required]"},
		{INGRESS, "{spec: {defaultBackend: {resource: {kind: a/b}}}}",
		 "[spec.defaultBackend.resource.kind: Invalid value: \"a/b\": may not contain '/', "
		 "spec.defaultBackend.resource.name: Required value]"},
		{INGRESS, "{spec: {" DEFAULT ", rules: [{host: 1.2.3.4}]}}",
		 "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address"},
		{INGRESS, "{spec: {rules: [{http: {paths: []}}]}}", "spec.rules[0].http.paths: Required value"},
		{INGRESS, PATH("Exact", "x"),
		 "spec.rules[0].http.paths[0].path: Invalid value: \"x\": must be an absolute path"},
		{INGRESS, PATH("Prefix", "/a//b/.."),
		 "[spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": must not contain '//', "
		 "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": cannot end with '/..']"},
		{INGRESS, PATH("X", "/"),
		 "spec.rules[0].http.paths[0].pathType: Unsupported value: \"X\": supported values: \"Exact\", "
		 "\"ImplementationSpecific\", \"Prefix\""},
		{INGRESS,
		 "{metadata: {annotations: {kubernetes.io/ingress.class: a}}, spec: {ingressClassName: b, " DEFAULT
		 "}}",
		 "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when "
		 "both are "
		 "specified"},
		{INGRESS,
		 "{metadata: {annotations: {kubernetes.io/ingress.class: a}}, spec: {ingressClassName: b, " DEFAULT
		 "}}",
		 "", .old = "{spec: {" DEFAULT "}}"},
		{INGRESS, "{spec: {}}",
		 "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
		 .old = "{spec: {" DEFAULT "}}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_ingress_classes(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CLASS, CLASS_OF(""), ""},
		{CLASS,
		 CLASS_OF(", parameters: {apiGroup: k8s.example.com, kind: K, name: nn, scope: Namespace, namespace: "
			  "a}"),
		 ""},
		{CLASS, "{spec: {}}", "spec.controller: Required value"},
		{CLASS, "{spec: {controller: bad}}",
		 "spec.controller: Invalid value: \"bad\": must be a domain-prefixed path (such as \"acme.io/foo\")"},
		{CLASS, CLASS_OF(", parameters: {scope: X}"),
		 "[spec.parameters.kind: Required value, spec.parameters.name: Required value, spec.parameters.scope: "
		 "Unsupported value: \"X\": supported values: \"Cluster\", \"Namespace\"]"},
		{CLASS, CLASS_OF(", parameters: {kind: K, name: nn, scope: Namespace}"),
		 "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"},
		{CLASS, CLASS_OF(", parameters: {kind: K, name: nn, scope: Cluster, namespace: a}"),
		 "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"},
		{CLASS, "{spec: {controller: example.com/y}}",
		 "spec.controller: Invalid value: \"example.com/y\": field is immutable", .old = CLASS_OF("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_network_policies(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{POLICY, "{spec: {podSelector: {}}}", ""},
		{POLICY,
		 "{spec: {podSelector: {matchLabels: {a: b}}, policyTypes: [Ingress, Egress], ingress: [{from: "
		 "[{podSelector: "
		 "{}, namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: "
		 "http}, "
		 "{port: 80, endPort: 90, protocol: UDP}]}], egress: [{}]}}",
		 ""},
		{POLICY, "{spec: {podSelector: {}, ingress: [{from: [{}]}]}}",
		 "spec.ingress[0].from[0]: Required value: must specify a peer"},
		{POLICY, "{spec: {podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]}}",
		 "spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer"},
		{POLICY,
		 "{spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}}",
		 "spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset "
		 "of `cidr`"},
		{POLICY, "{spec: {podSelector: {}, ingress: [{ports: [{port: 0}, {port: 80, protocol: X}]}]}}",
		 "[spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, "
		 "spec.ingress[0].ports[1].protocol: Unsupported value: \"X\": supported values: \"TCP\", \"UDP\", "
		 "\"SCTP\"]"},
		{POLICY,
		 "{spec: {podSelector: {}, ingress: [{ports: [{port: 80, endPort: 70}, {endPort: 9}, {port: x, "
		 "endPort: 9}]}]}}",
		 "[spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`, "
		 "spec.ingress[0].ports[1].endPort: Invalid value: 9: may not be specified when `port` is not "
		 "specified, "
		 "spec.ingress[0].ports[2].endPort: Invalid value: 9: may not be specified when `port` is "
		 "non-numeric]"},
		{POLICY, "{spec: {podSelector: {}, policyTypes: [X]}}",
		 "spec.policyTypes[0]: Unsupported value: \"X\": supported values: \"Ingress\", \"Egress\""},
		{POLICY, "{spec: {podSelector: {}, policyTypes: [X]}}",
		 "spec.policyTypes[0]: Unsupported value: \"X\": supported values: \"Ingress\", \"Egress\"",
		 .old = "{spec: {podSelector: {}}}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_service_cidrs(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CIDR, "{spec: {cidrs: [10.1.0.0/16, '2001:db8::/64']}}", ""},
		{CIDR, "{spec: {cidrs: []}}", "spec.cidrs: Required value: at least one CIDR required"},
		{CIDR, "{spec: {cidrs: [10.1.0.0/16, 10.2.0.0/16]}}",
		 "spec.cidrs: Invalid value: [\"10.1.0.0/16\",\"10.2.0.0/16\"]: may specify no more than one IP for "
		 "each IP "
		 "family, i.e 192.168.0.0/24 and 2001:db8::/64"},
		{CIDR, "{spec: {cidrs: [a, b, c]}}",
		 "spec.cidrs: Invalid value: {\"CIDRs\":[\"a\",\"b\",\"c\"]}: may only hold up to 2 values"},
		{CIDR, "{spec: {cidrs: [10.1.0.0/16, '2001:db8::/64']}}", "", .old = "{spec: {cidrs: [10.1.0.0/16]}}"},
		{CIDR, "{spec: {cidrs: [10.2.0.0/16]}}",
		 "spec.cidrs[0]: Invalid value: \"10.2.0.0/16\": field is immutable",
		 .old = "{spec: {cidrs: [10.1.0.0/16]}}"},
		{CIDR, "{spec: {cidrs: [10.1.0.0/16]}}",
		 "spec.cidrs: Invalid value: [\"10.1.0.0/16\"]: field is immutable",
		 .old = "{spec: {cidrs: [10.1.0.0/16, '2001:db8::/64']}}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ingresses),
		cmocka_unit_test(test_ingress_classes),
		cmocka_unit_test(test_network_policies),
		cmocka_unit_test(test_service_cidrs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
