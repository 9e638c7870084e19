/* Validation of what governs a cluster: webhooks and policies, quotas, priorities, certificates, endpoints. */
#include "unit.h"

#include "validation.h"

#define ADMISSION  "admissionregistration.k8s.io/v1/"
#define VALIDATING ADMISSION "validatingwebhookconfigurations"
#define MUTATING   ADMISSION "mutatingwebhookconfigurations"
#define HOOK(more)                                                                                                     \
	"{webhooks: [{name: h.example.com, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {url: "     \
	"'https://a.example.com/x'}" more "}]}"
#define HOOK_TO(client)                                                                                                \
	"{webhooks: [{name: h.example.com, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {" client   \
	"}}]}"
#define POLICY		 ADMISSION "validatingadmissionpolicies"
#define MUTATING_POLICY	 ADMISSION "mutatingadmissionpolicies"
#define BINDING		 ADMISSION "validatingadmissionpolicybindings"
#define MUTATING_BINDING ADMISSION "mutatingadmissionpolicybindings"
#define MATCH                                                                                                          \
	"matchConstraints: {resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: "  \
	"[deployments]}]}"
#define QUOTA  "/v1/resourcequotas"
#define LIMITS "/v1/limitranges"
#define SLICE  "discovery.k8s.io/v1/endpointslices"
#define FLOW   "flowcontrol.apiserver.k8s.io/v1/flowschemas"
#define FLOW_OF(rules)                                                                                                 \
	"{spec: {priorityLevelConfiguration: {name: p}, rules: [{subjects: [{kind: User, user: {name: a}}], " rules    \
	"}]}}"
#define LEVEL "flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations"
#define CSR   "certificates.k8s.io/v1/certificatesigningrequests"
/* -----BEGIN CERTIFICATE REQUEST----- */
#define REQUEST	   "request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
#define APISERVICE "apiregistration.k8s.io/v1/apiservices"

static void test_webhooks(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{VALIDATING,
		 HOOK(", rules: [{operations: [CREATE, UPDATE], apiGroups: [''], apiVersions: ['*'], resources: [pods, "
		      "pods/status]}], failurePolicy: Fail, timeoutSeconds: 10, objectSelector: {}"),
		 ""},
		{VALIDATING,
		 HOOK_TO("service: {namespace: a, name: b, path: /mutate-v1-pod, port: 9443}, caBundle: eA=="), ""},
		{MUTATING, HOOK(", reinvocationPolicy: IfNeeded, matchConditions: [{name: a, expression: 'true'}]"),
		 ""},
		{VALIDATING, "{webhooks: [{}]}",
		 "[webhooks[0].name: Required value, webhooks[0].sideEffects: Required value: must specify one of "
		 "None, "
		 "NoneOnDryRun, webhooks[0].clientConfig: Required value: exactly one of url or service is required, "
		 "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1]"},
		{VALIDATING, HOOK_TO("url: 'http://u:p@/?a=b#c'"),
		 "[webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; "
		 "desired format: "
		 "https://host[/path], webhooks[0].clientConfig.url: Invalid value: \"\": host must be specified; "
		 "desired format: "
		 "https://host[/path], webhooks[0].clientConfig.url: Invalid value: \"u:p\": user information is not "
		 "permitted in "
		 "the URL, webhooks[0].clientConfig.url: Invalid value: \"c\": fragments are not permitted in the URL, "
		 "webhooks[0].clientConfig.url: Invalid value: \"a=b\": query parameters are not permitted in the "
		 "URL]"},
		{VALIDATING, HOOK_TO("service: {port: 0, path: a//}"),
		 "[webhooks[0].clientConfig.service.name: Required value, webhooks[0].clientConfig.service.namespace: "
		 "Required "
		 "value, webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 "
		 "and 65535, "
		 "inclusive, webhooks[0].clientConfig.service.path: Invalid value: \"a//\": must start with a '/', "
		 "webhooks[0].clientConfig.service.path: Invalid value: \"a//\": segment[0] may not be empty, "
		 "webhooks[0].clientConfig.service.path: Invalid value: \"a//\": segment[1] may not be empty]"},
		{VALIDATING,
		 HOOK(", rules: [{operations: ['*', FLY], apiVersions: [v1, ''], resources: [pods/*, pods/status, "
		      "'*/x', "
		      "a/x], scope: X}]"),
		 "[webhooks[0].rules[0].operations: Invalid value: [\"*\",\"FLY\"]: if '*' is present, must not "
		 "specify other "
		 "operations, webhooks[0].rules[0].operations[1]: Unsupported value: \"FLY\": supported values: \"*\", "
		 "\"CONNECT\", "
		 "\"CREATE\", \"DELETE\", \"UPDATE\", webhooks[0].rules[0].apiGroups: Required value, "
		 "webhooks[0].rules[0].apiVersions[1]: Required value, webhooks[0].rules[0].resources[1]: Invalid "
		 "value: "
		 "\"pods/status\": if 'pods/*' is present, must not specify pods/status, "
		 "webhooks[0].rules[0].resources[3]: Invalid "
		 "value: \"a/x\": if '*/x' is present, must not specify a/x, webhooks[0].rules[0].scope: Unsupported "
		 "value: \"X\": "
		 "supported values: \"*\", \"Cluster\", \"Namespaced\"]"},
		{MUTATING,
		 HOOK(", timeoutSeconds: 31, reinvocationPolicy: X, matchConditions: [{name: a}, {name: a, expression: "
		      "'true'}]"),
		 "[webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds, "
		 "webhooks[0].reinvocationPolicy: Unsupported value: \"X\": supported values: \"IfNeeded\", \"Never\", "
		 "webhooks[0].matchConditions[0].expression: Required value, webhooks[0].matchConditions[1].name: "
		 "Duplicate value: "
		 "\"a\"]"},
		{VALIDATING, "{webhooks: [{}]}",
		 "[webhooks[0].name: Required value, webhooks[0].sideEffects: Required value: must specify one of "
		 "None, "
		 "NoneOnDryRun, webhooks[0].clientConfig: Required value: exactly one of url or service is required, "
		 "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1]",
		 .old = HOOK("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_policies(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{POLICY,
		 "{spec: {" MATCH
		 ", variables: [{name: v, expression: '1'}], validations: [{expression: 'object.x == 1', "
		 "message: m, reason: Invalid}], auditAnnotations: [{key: k, valueExpression: '\"x\"'}]}}",
		 ""},
		{POLICY, "{spec: {}}",
		 "[spec.matchConstraints: Required value, spec.validations: Required value: validations or "
		 "auditAnnotations must "
		 "contain at least one item, spec.auditAnnotations: Required value: validations or auditAnnotations "
		 "must contain at "
		 "least one item]"},
		{POLICY,
		 "{spec: {paramKind: {apiVersion: a/b/c}, matchConstraints: {}, variables: [{name: in}], validations: "
		 "[{message: "
		 "' ', messageExpression: ' ', reason: X}]}}",
		 "[spec.paramKind.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c, "
		 "spec.paramKind.kind: "
		 "Required value, spec.matchConstraints.resourceRules: Required value, spec.variables[0].name: Invalid "
		 "value: "
		 "\"in\": must be a valid CEL identifier, spec.variables[0].expression: Required value: expression is "
		 "not "
		 "specified, spec.validations[0].expression: Required value: expression is not specified, "
		 "spec.validations[0].messageExpression: Invalid value: \" \": must be non-empty if specified, "
		 "spec.validations[0].message: Invalid value: \" \": must be non-empty if specified, "
		 "spec.validations[0].reason: "
		 "Unsupported value: \"X\": supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\"]"},
		{MUTATING_POLICY,
		 "{spec: {" MATCH ", reinvocationPolicy: Never, mutations: [{patchType: JSONPatch, jsonPatch: "
		 "{expression: '[]'}}]}}",
		 ""},
		{MUTATING_POLICY,
		 "{spec: {" MATCH ", mutations: [{patchType: JSONPatch, applyConfiguration: {expression: a}}, "
		 "{patchType: X}]}}",
		 "[spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch, "
		 "spec.mutations[0].applyConfiguration: Invalid value: \"{applyConfiguration}\": must not be specified "
		 "when "
		 "patchType is JSONPatch, spec.mutations[1].patchType: Unsupported value: \"X\": supported values: "
		 "\"ApplyConfiguration\", \"JSONPatch\", spec.reinvocationPolicy: Required value]"},
		{BINDING,
		 "{spec: {policyName: p, validationActions: [Deny, Audit], paramRef: {name: a, "
		 "parameterNotFoundAction: "
		 "Deny}}}",
		 ""},
		{BINDING, "{spec: {validationActions: [Deny, Warn, Deny], paramRef: {name: a, selector: {}}}}",
		 "[spec.policyName: Required value, spec.paramRef.name: Forbidden: name and selector are mutually "
		 "exclusive, "
		 "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive, "
		 "spec.paramRef.parameterNotFoundAction: Required value, spec.validationActions[2]: Duplicate value: "
		 "\"Deny\", "
		 "spec.validationActions: Invalid value: [\"Deny\",\"Warn\",\"Deny\"]: must not contain both Deny and "
		 "Warn "
		 "(repeating the same validation failure information in the API response and headers serves no "
		 "purpose)]"},
		{MUTATING_BINDING, "{spec: {policyName: p}}", ""},
		{MUTATING_BINDING, "{spec: {policyName: p, matchResources: {matchPolicy: X}}}",
		 "spec.matchResources.matchPolicy: Unsupported value: \"X\": supported values: \"Equivalent\", "
		 "\"Exact\""},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_quotas(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{QUOTA,
		 "{spec: {hard: {pods: 1, requests.cpu: 1500m, count/deployments.apps: 2, requests.nvidia.com/gpu: 4}, "
		 "scopes: []}}",
		 ""},
		{QUOTA, "{spec: {hard: {pods: 1500m}, scopes: [Foo]}}",
		 "[spec.hard[pods]: Invalid value: \"1500m\": must be an integer, spec.scopes: Invalid value: "
		 "[\"Foo\"]: unsupported "
		 "scope]"},
		{QUOTA, "{spec: {hard: {services: 1}, scopes: [BestEffort, NotBestEffort]}}",
		 "[spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: unsupported scope applied to "
		 "resource, "
		 "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes]"},
		{QUOTA,
		 "{spec: {scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: "
		 "[high]}]}}}",
		 ""},
		{QUOTA, "{spec: {scopeSelector: {matchExpressions: [{scopeName: X, operator: Exists, values: [a]}]}}}",
		 "[spec.scopeSelector.matchExpressions.scopeName: Invalid value: \"X\": unsupported scope, "
		 "spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value when `operator` "
		 "is 'Exist' or "
		 "'DoesNotExist' for scope selector]"},
		{QUOTA, "{spec: {scopes: [BestEffort]}}",
		 "spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable", .old = "{spec: {}}"},
		{LIMITS,
		 "{spec: {limits: [{type: Container, default: {cpu: 1}, defaultRequest: {cpu: 500m}, max: {memory: "
		 "1Gi}}, "
		 "{type: PersistentVolumeClaim, max: {storage: 1Gi}}]}}",
		 ""},
		{LIMITS,
		 "{spec: {limits: [{type: Pod, max: {cpu: 1}, min: {cpu: 2}, maxLimitRequestRatio: {cpu: 500m}}, "
		 "{type: X}]}}",
		 "[spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1, "
		 "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1, "
		 "spec.limits[1].type: Invalid value: \"X\": must be a standard limit type or fully qualified]"},
		{LIMITS,
		 "{spec: {limits: [{type: Container, default: {example.com/x: 2}, defaultRequest: {example.com/x: "
		 "1}}]}}",
		 "spec.limits[0].defaultRequest[example.com/x]: Invalid value: \"1\": default value 2 must equal to "
		 "defaultRequest "
		 "value 1 in example.com/x"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_endpoint_slices(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{SLICE,
		 "{addressType: IPv4, endpoints: [{addresses: [1.2.3.4], nodeName: nn, zone: z}], ports: [{name: a, "
		 "port: 1}, {name: "
		 "b, port: 1, protocol: UDP}]}",
		 ""},
		{SLICE, "{addressType: FQDN, endpoints: [{addresses: [a.example.com]}]}", ""},
		{SLICE, "{}", "addressType: Required value"},
		{SLICE, "{addressType: IPv6, endpoints: [{addresses: []}, {addresses: [1.2.3.4, '::1']}]}",
		 "[endpoints[0].addresses: Required value: must contain at least 1 address, endpoints[1].addresses: "
		 "Invalid value: "
		 "\"1.2.3.4\": must be an IPv6 address, endpoints[1].addresses[1]: Invalid value: \"::1\": may not be "
		 "in the "
		 "loopback range (127.0.0.0/8, ::1/128)]"},
		{SLICE,
		 "{addressType: IPv4, endpoints: [{addresses: [1.2.3.4], hints: {forZones: [{name: z}, {name: z}]}}], "
		 "ports: [{}, {}]}",
		 "[ports[1].name: Duplicate value: \"\", endpoints[0].hints.forZones[1].name: Duplicate value: \"z\"]"},
		{SLICE, "{addressType: IPv6, endpoints: []}",
		 "addressType: Invalid value: \"IPv6\": field is immutable",
		 .old = "{addressType: IPv4, endpoints: []}"},
		{SLICE, "{addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}], ports: [{port: 1}]}", "",
		 .old = "{addressType: IPv4, endpoints: [{addresses: [127.0.0.1]}]}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_flow_control(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{FLOW,
		 FLOW_OF("resourceRules: [{verbs: [get], apiGroups: ['*'], resources: [pods], namespaces: ['*']}], "
			 "nonResourceRules: "
			 "[{verbs: ['*'], nonResourceURLs: [/healthz, /x/*]}]"),
		 ""},
		{FLOW, "{spec: {matchingPrecedence: 1, rules: [{subjects: [{kind: Group, user: {name: a}}]}]}}",
		 "[spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have "
		 "matchingPrecedence 1, "
		 "spec.priorityLevelConfiguration.name: Required value: must reference a priority level, "
		 "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group', "
		 "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User', "
		 "spec.rules[0]: "
		 "Required value: at least one of resourceRules and nonResourceRules has to be non-empty]"},
		{FLOW, FLOW_OF("resourceRules: [{verbs: [fly], apiGroups: [a], resources: [b], namespaces: []}]"),
		 "[spec.rules[0].resourceRules[0].verbs: Unsupported value: [\"fly\"]: supported values: \"connect\", "
		 "\"create\", "
		 "\"delete\", \"deletecollection\", \"get\", \"list\", \"patch\", \"proxy\", \"update\", \"watch\", "
		 "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster "
		 "scoped must supply "
		 "at least one namespace]"},
		{FLOW, FLOW_OF("nonResourceRules: [{verbs: [get], nonResourceURLs: [a, /a//b, '/*/b']}]"),
		 "[spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"a\": must start with slash, "
		 "spec.rules[0].nonResourceRules[0].nonResourceURLs[1]: Invalid value: \"/a//b\": must not contain "
		 "double slash, "
		 "spec.rules[0].nonResourceRules[0].nonResourceURLs[2]: Invalid value: \"/*/b\": wildcard can only do "
		 "suffix "
		 "matching]"},
		{LEVEL,
		 "{spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 64, handSize: 6, "
		 "queueLengthLimit: 50}}}}}",
		 ""},
		{LEVEL, "{metadata: {name: exempt}, spec: {type: Exempt, exempt: {lendablePercent: 0}}}", ""},
		{LEVEL,
		 "{spec: {type: Limited, limited: {nominalConcurrencyShares: -1, limitResponse: {type: Queue, queuing: "
		 "{queues: "
		 "10000, handSize: 10, queueLengthLimit: -1}}, lendablePercent: 101, borrowingLimitPercent: -1}}}",
		 "[spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer, "
		 "spec.limited.limitResponse.queuing.queueLengthLimit: Invalid value: -1: must be positive, "
		 "spec.limited.limitResponse.queuing.handSize: Invalid value: 10: required entropy bits of deckSize "
		 "10000 and "
		 "handSize 10 should not be greater than 60, spec.limited.lendablePercent: Invalid value: 101: must be "
		 "between 0 and "
		 "100, inclusive, spec.limited.borrowingLimitPercent: Invalid value: -1: if specified, must be a "
		 "non-negative "
		 "integer]"},
		{LEVEL, "{spec: {type: Exempt}}",
		 "spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_certificates_and_services(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CSR, "{spec: {" REQUEST ", signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}",
		 ""},
		{CSR, "{spec: {}}",
		 "[spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST, spec.usages: "
		 "Required value, "
		 "spec.signerName: Required value]"},
		{CSR,
		 "{spec: {" REQUEST ", signerName: a/b/c, usages: [client auth, client auth], expirationSeconds: 599}}",
		 "[spec.usages[1]: Duplicate value: \"client auth\", spec.signerName: Invalid value: \"a/b/c\": must "
		 "be a fully "
		 "qualified domain and path of the form 'example.com/signer-name', spec.expirationSeconds: Invalid "
		 "value: 599: may "
		 "not specify a duration less than 600 seconds (10 minutes)]"},
		{APISERVICE,
		 "{metadata: {name: v1beta1.metrics.k8s.io}, spec: {group: metrics.k8s.io, version: v1beta1, "
		 "groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {name: "
		 "metrics-server, namespace: kube-system}}}",
		 ""},
		{APISERVICE,
		 "{metadata: {name: a}, spec: {group: b.c, version: v1, caBundle: eA==, versionPriority: 1001, "
		 "groupPriorityMinimum: 1}}",
		 "[metadata.name: Invalid value: \"a\": must be `spec.version+\".\"+spec.group`: \"v1.b.c\", "
		 "spec.versionPriority: "
		 "Invalid value: 1001: must be positive and less than 1000, spec.caBundle: Invalid value: \"1 bytes\": "
		 "local "
		 "APIServices may not have a caBundle]"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_webhooks),     cmocka_unit_test(test_policies),
		cmocka_unit_test(test_quotas),	     cmocka_unit_test(test_endpoint_slices),
		cmocka_unit_test(test_flow_control), cmocka_unit_test(test_certificates_and_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
