/* Validation of kinds that run pods: workloads, jobs, what scales and guards them. */
#include "unit.h"

#include "validation.h"

#define CONTAINERS "containers: [{name: c, image: i}]"
#define TEMPLATE   "template: {metadata: {labels: {app: a}}, spec: {" CONTAINERS "}}"
#define SELECTOR   "selector: {matchLabels: {app: a}}"
#define SET(more)  "{spec: {" SELECTOR ", " TEMPLATE more "}}"
#define STATEFUL   "apps/v1/statefulsets"
#define DAEMON	   "apps/v1/daemonsets"
#define CLAIM(more)                                                                                                    \
	"{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}" more "}}"
#define JOB	       "batch/v1/jobs"
#define JOB_SPEC(more) "{template: {spec: {restartPolicy: Never, " CONTAINERS "}}" more "}"
#define JOB_OF(more)   "{spec: " JOB_SPEC(more) "}"
#define INDEXED(more)  JOB_OF(", completionMode: Indexed, completions: 3" more)
#define CRON	       "batch/v1/cronjobs"
#define CRON_OF(more)  "{spec: {jobTemplate: {spec: " JOB_SPEC("") "}" more "}}"

static void test_stateful_sets(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{STATEFUL, SET(""), ""},
		{STATEFUL, SET(", serviceName: s, volumeClaimTemplates: [" CLAIM("") "]"), ""},
		{STATEFUL, SET(", podManagementPolicy: Random"),
		 "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"},
		{STATEFUL, SET(", updateStrategy: {type: X}"),
		 "spec.updateStrategy: Invalid value: {\"Type\":\"X\",\"RollingUpdate\":null}: must be 'RollingUpdate' "
		 "or 'OnDelete'"},
		{STATEFUL, SET(", updateStrategy: {rollingUpdate: {partition: -1}}"),
		 "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0"},
		{STATEFUL, SET(", updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0}}"), ""},
		{STATEFUL, SET(", ordinals: {start: -1}"),
		 "spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"},
		{STATEFUL, SET(", replicas: -1"),
		 "spec.replicas: Invalid value: -1: must be greater than or equal to 0"},
		{STATEFUL, SET(", persistentVolumeClaimRetentionPolicy: {whenDeleted: X}"),
		 "spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: \"X\": supported values: "
		 "\"Retain\", \"Delete\""},
		{STATEFUL, SET(", volumeClaimTemplates: [{metadata: {name: v}, spec: {}}]"),
		 "[spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required, "
		 "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value]"},
		{STATEFUL,
		 "{spec: {" SELECTOR
		 ", template: {metadata: {labels: {app: a}}, spec: {activeDeadlineSeconds: 9, " CONTAINERS "}}}}",
		 "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not "
		 "Supported"},
		{STATEFUL, SET(", replicas: 3, minReadySeconds: 1"), "", .old = SET("")},
		{STATEFUL, SET(", podManagementPolicy: Parallel"),
		 "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', "
		 "'template', "
		 "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
		 "'minReadySeconds' are forbidden",
		 .old = SET("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_daemon_sets(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{DAEMON, SET(""), ""},
		{DAEMON, SET(", updateStrategy: {type: OnDelete}"), ""},
		{DAEMON, SET(", updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}"), ""},
		{DAEMON, SET(", updateStrategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}"), ""},
		{DAEMON, SET(", updateStrategy: {type: X}"),
		 "spec.updateStrategy: Unsupported value: {\"Type\":\"X\",\"RollingUpdate\":null}: supported values: "
		 "\"RollingUpdate\", \"OnDelete\""},
		{DAEMON, SET(", updateStrategy: {rollingUpdate: {maxUnavailable: 0}}"),
		 "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"},
		{DAEMON, SET(", updateStrategy: {rollingUpdate: {maxUnavailable: 1, maxSurge: 1}}"),
		 "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is "
		 "non-zero"},
		{DAEMON, SET(", revisionHistoryLimit: -1"),
		 "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"},
		{DAEMON,
		 "{spec: {selector: {matchLabels: {app: b}}, template: {metadata: {labels: {app: b}}, spec: "
		 "{" CONTAINERS "}}}}",
		 "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"b\"}}: field is immutable", .old = SET("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_jobs(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{JOB, JOB_OF(""), ""},
		{JOB,
		 INDEXED(", backoffLimitPerIndex: 1, maxFailedIndexes: 2, successPolicy: {rules: [{succeededIndexes: "
			 "'0,2'}]}"),
		 ""},
		{JOB, "{spec: {template: {spec: {" CONTAINERS "}}}}",
		 "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""},
		{JOB, JOB_OF(", completions: -1"),
		 "spec.completions: Invalid value: -1: must be greater than or equal to 0"},
		{JOB, JOB_OF(", completionMode: Indexed, parallelism: 3"),
		 "spec.completions: Required value: when completion mode is Indexed"},
		{JOB, JOB_OF(", maxFailedIndexes: 1, completionMode: Indexed, completions: 3"),
		 "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified"},
		{JOB, JOB_OF(", completionMode: Indexed, completions: 100001, parallelism: 1, backoffLimitPerIndex: 1"),
		 "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000"},
		{JOB, JOB_OF(", backoffLimitPerIndex: 1"),
		 "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"},
		{JOB, JOB_OF(", managedBy: bad"),
		 "spec.managedBy: Invalid value: \"bad\": must be a domain-prefixed path (such as \"acme.io/foo\")"},
		{JOB, JOB_OF(", managedBy: acme.io/foo"), ""},
		{JOB,
		 JOB_OF(", podFailurePolicy: {rules: [{action: FailJob, onExitCodes: {operator: In, values: [1, 1, "
			"0]}}]}"),
		 "[spec.podFailurePolicy.rules[0].onExitCodes.values[1]: Duplicate value: 1, "
		 "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Invalid value: 0: must not be 0 for the In "
		 "operator, "
		 "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [1,1,0]: must be ordered]"},
		{JOB,
		 JOB_OF(", podFailurePolicy: {rules: [{action: FailIndex, onPodConditions: [{type: DisruptionTarget, "
			"status: 'True'}]}]}"),
		 "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the "
		 "backoffLimitPerIndex to be set"},
		{JOB, JOB_OF(", podFailurePolicy: {rules: []}, podReplacementPolicy: TerminatingOrFailed"),
		 "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\""},
		{JOB, INDEXED(", successPolicy: {rules: [{succeededIndexes: '0-1,1'}]}"),
		 "spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-1,1\": error parsing "
		 "succeededIndexes: "
		 "non-increasing order, previous: 1, current: 1"},
		{JOB,
		 INDEXED(", successPolicy: {rules: [{succeededIndexes: '0-1-2'}, {succeededIndexes: x}, "
			 "{succeededCount: 4}, {}]}"),
		 "[spec.successPolicy.rules[0].succeededIndexes: Invalid value: \"0-1-2\": error parsing "
		 "succeededIndexes: the "
		 "fragment \"0-1-2\" violates the requirement that an index interval can have at most two parts "
		 "separated by "
		 "'-', spec.successPolicy.rules[1].succeededIndexes: Invalid value: \"x\": error parsing "
		 "succeededIndexes: "
		 "cannot convert string to integer for index: \"x\", spec.successPolicy.rules[2].succeededCount: "
		 "Invalid value: "
		 "4: must be less than or equal to 3 (the number of specified completions), "
		 "spec.successPolicy.rules[3]: "
		 "Required value: at least one of succeededCount or succeededIndexes must be specified]"},
		{JOB, "{metadata: {name: a.b}, spec: " JOB_SPEC(", completionMode: Indexed, completions: 3") "}",
		 "metadata.name: Invalid value: \"a.b\": will not able to create pod with invalid DNS label: a.b-2"},
		{JOB, JOB_OF(", completions: 1, parallelism: 5, suspend: true"), "", .old = JOB_OF(""),
		 .as_read = true},
		{JOB, JOB_OF(", completions: 2"), "spec.completions: Invalid value: 2: field is immutable",
		 .old = JOB_OF(""), .as_read = true},
		{JOB, JOB_OF(", completionMode: Indexed, completions: 4, parallelism: 4"), "", .old = INDEXED(""),
		 .as_read = true},
		{JOB, JOB_OF(", completionMode: Indexed, completions: 4, parallelism: 3"),
		 "spec.completions: Invalid value: 4: can only be modified in tandem with spec.parallelism",
		 .old = INDEXED(""), .as_read = true},
		{JOB, "{spec: {template: {spec: {nodeSelector: {a: b}, restartPolicy: Never, " CONTAINERS "}}}}", "",
		 .old = JOB_OF(", suspend: true"), .as_read = true},
		{JOB, JOB_OF(", managedBy: acme.io/foo"),
		 "spec.managedBy: Invalid value: \"acme.io/foo\": field is immutable", .old = JOB_OF(""),
		 .as_read = true},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_cron_jobs(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{CRON, CRON_OF(", schedule: '*/5 * * * *', timeZone: Europe/Paris, startingDeadlineSeconds: 10"), ""},
		{CRON, CRON_OF(", schedule: '@daily', timeZone: Etc/GMT+5"), ""},
		{CRON, CRON_OF(""), "spec.schedule: Required value"},
		{CRON, CRON_OF(", schedule: x"),
		 "spec.schedule: Invalid value: \"x\": expected exactly 5 fields, found 1: [x]"},
		{CRON, CRON_OF(", schedule: 'TZ=UTC 0 0 * * *'"),
		 "spec.schedule: Invalid value: \"TZ=UTC 0 0 * * *\": cannot use TZ or CRON_TZ in schedule, use "
		 "timeZone field "
		 "instead"},
		{CRON, CRON_OF(", schedule: '@daily', timeZone: ''"),
		 "spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string"},
		{CRON, CRON_OF(", schedule: '@daily', timeZone: a//b"),
		 "spec.timeZone: Invalid value: \"a//b\": unknown time zone a//b"},
		{CRON, CRON_OF(", schedule: '@daily', timeZone: LOCAL"),
		 "spec.timeZone: Invalid value: \"LOCAL\": timeZone must be an explicit time zone as defined in "
		 "https://www.iana.org/time-zones"},
		{CRON, CRON_OF(", schedule: '@daily', concurrencyPolicy: X"),
		 "spec.concurrencyPolicy: Unsupported value: \"X\": supported values: \"Allow\", \"Forbid\", "
		 "\"Replace\""},
		{CRON, CRON_OF(", schedule: '@daily', startingDeadlineSeconds: -1, failedJobsHistoryLimit: -1"),
		 "[spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0, "
		 "spec.failedJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0]"},
		{CRON, "{spec: {schedule: '@daily', jobTemplate: {spec: " JOB_SPEC(", manualSelector: true") "}}}",
		 "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\""},
		{CRON,
		 "{metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}, spec: {schedule: '@daily', "
		 "jobTemplate: {spec: " JOB_SPEC("") "}}}",
		 "metadata.name: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no "
		 "more than "
		 "52 characters"},
		{CRON, CRON_OF(", schedule: 'TZ=UTC 0 1 * * *'"), "", .old = CRON_OF(", schedule: 'TZ=UTC 0 0 * * *'")},
		{CRON, CRON_OF(", schedule: 'TZ=UTC 0 0 * * *', timeZone: Etc/UTC"),
		 "spec.schedule: Invalid value: \"TZ=UTC 0 0 * * *\": cannot use both timeZone field and TZ or CRON_TZ "
		 "in "
		 "schedule",
		 .old = CRON_OF(", schedule: 'TZ=UTC 0 0 * * *'")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

#define HPA "autoscaling/v2/horizontalpodautoscalers"
#define HPA_OF(more)                                                                                                   \
	"{spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: d}, maxReplicas: 3" more "}}"
#define PDB "policy/v1/poddisruptionbudgets"

static void test_autoscalers(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{HPA, HPA_OF(""), ""},
		{HPA,
		 HPA_OF(", behavior: {scaleDown: {stabilizationWindowSeconds: 300}}, metrics: [{type: Resource, "
			"resource: "
			"{name: memory, target: {type: AverageValue, averageValue: 1Gi}}}, {type: Object, object: "
			"{describedObject: {kind: Service, name: s}, metric: {name: rps}, target: {type: Value, value: "
			"10}}}]"),
		 ""},
		{HPA, "{spec: {}}",
		 "[spec.maxReplicas: Required value: must be set and greater than 0, spec.maxReplicas: Invalid value: "
		 "0: must be "
		 "greater than or equal to `minReplicas`, spec.scaleTargetRef.kind: Required value, "
		 "spec.scaleTargetRef.name: "
		 "Required value, spec.scaleTargetRef.apiVersion: Invalid value: \"\": apiVersion must specify API "
		 "group]"},
		{HPA, HPA_OF(", minReplicas: 0"),
		 "[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.metrics: Forbidden: "
		 "must specify "
		 "at least one Object or External metric to support scaling to zero replicas]"},
		{HPA, HPA_OF(", metrics: [{type: Resource}]"),
		 "spec.metrics[0].resource: Required value: must populate information for the given metric source"},
		{HPA,
		 HPA_OF(", metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, "
			"averageUtilization: "
			"0, averageValue: 1}}, pods: {}}]"),
		 "[spec.metrics[0].pods.metric.name: Required value: must specify a metric name, "
		 "spec.metrics[0].pods.target.type: "
		 "Required value: must specify a metric target type, spec.metrics[0].pods.target.type: Invalid value: "
		 "\"\": must "
		 "be either Utilization, Value, or AverageValue, spec.metrics[0].pods.target.averageValue: Required "
		 "value: must "
		 "specify a positive target averageValue, spec.metrics[0].pods: Forbidden: must populate the given "
		 "metric source "
		 "only]"},
		{HPA, HPA_OF(", metrics: [{type: X}]"),
		 "spec.metrics[0].type: Unsupported value: \"X\": supported values: \"ContainerResource\", "
		 "\"External\", "
		 "\"Object\", \"Pods\", \"Resource\""},
		{HPA,
		 HPA_OF(", behavior: {scaleUp: {selectPolicy: X, stabilizationWindowSeconds: 3601, policies: [{type: "
			"X, value: "
			"0, periodSeconds: 1801}]}}"),
		 "[spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal "
		 "to 3600, "
		 "spec.behavior.scaleUp.selectPolicy: Unsupported value: \"X\": supported values: \"Disabled\", "
		 "\"Max\", "
		 "\"Min\", spec.behavior.scaleUp.policies[0].type: Unsupported value: \"X\": supported values: "
		 "\"Percent\", "
		 "\"Pods\", spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero, "
		 "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to "
		 "1800]"},
		{HPA, HPA_OF(", minReplicas: 4"),
		 "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
		 .old = HPA_OF("")},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

static void test_disruption_budgets(void **state UNUSED)
{
	static const struct validation_row rows[] = {
		{PDB, "{spec: {minAvailable: 50%, selector: {matchLabels: {a: b}}}}", ""},
		{PDB, "{spec: {minAvailable: 1, maxUnavailable: 1%}}",
		 "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":null,\"MaxUnavailable\":\"1%\","
		 "\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set"},
		{PDB, "{spec: {minAvailable: -1}}",
		 "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"},
		{PDB, "{spec: {maxUnavailable: 101%}}",
		 "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"},
		{PDB, "{spec: {unhealthyPodEvictionPolicy: X}}",
		 "spec.unhealthyPodEvictionPolicy: Unsupported value: \"X\": supported values: \"AlwaysAllow\", "
		 "\"IfHealthyBudget\""},
		{PDB, "{spec: {maxUnavailable: -1}}",
		 "spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0", .old = "{spec: {}}"},
	};

	check_validation(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stateful_sets), cmocka_unit_test(test_daemon_sets),
		cmocka_unit_test(test_jobs),	      cmocka_unit_test(test_cron_jobs),
		cmocka_unit_test(test_autoscalers),   cmocka_unit_test(test_disruption_budgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
