/* Where a persistent volume comes from: exactly one source, each with its table of rules; see volume_check.h. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/volume_check.h"
#include "apiserver/registry/rule.h"

#define CSI_DRIVER_NAME_MAX 63

static void check_local(struct field_errors *errors, const struct path *path, const void *value)
{
	const struct core_v1_local_volume_source *local = value;

	if (!local->path.len)
		field_required(errors, FIELD(path, "path"), NULL);
	else
		check_no_backsteps(errors, FIELD(path, "path"), local->path);
}

static void check_iqn(struct field_errors *errors, const struct path *path, const void *value)
{
	struct str iqn = *(const struct str *)value;

	if (iqn.len && !is_one_of(str_sub(iqn, 0, MIN(iqn.len, (size_t)3)), "iqn", "eui", "naa", NULL))
		field_invalid(errors, path, VALUE(iqn), "must be valid format");
}

/* A claim to the name of kubernetes.io in an option's key. */
static void check_flex_options(struct field_errors *errors, const struct path *path, const void *value)
{
	SLICE_FOREACH (option, *(const struct str_map *)value) {
		struct str domain, rest;

		str_cut(option->key, '/', &domain, &rest);
		if (str_eq_c(domain, "kubernetes.io") || str_eq_c(domain, "k8s.io") ||
		    str_has_suffix(domain, STR(".kubernetes.io")) || str_has_suffix(domain, STR(".k8s.io")))
			field_invalid(errors, KEY(path, option->key), VALUE(option->key),
				      "kubernetes.io and k8s.io namespaces are reserved");
	}
}

void check_csi_driver_name(struct field_errors *errors, const struct path *path, struct str name)
{
	if (!name.len) {
		field_required(errors, path, NULL);
		return;
	}
	if (name.len > CSI_DRIVER_NAME_MAX)
		field_too_long(errors, path, CSI_DRIVER_NAME_MAX);
	check_name(errors, path, name, name_is_dns_subdomain(str_lower(name, errors->arena)));
}

static void check_csi_driver(struct field_errors *errors, const struct path *path, const void *value)
{
	check_csi_driver_name(errors, path, *(const struct str *)value);
}

static const struct rule reference_rules[] = {RULE_REQUIRED("name"), RULE_REQUIRED("namespace")};
static const struct rule name_rules[] = {RULE_REQUIRED("name")};
static const struct rule secret_rules[] = {
	RULE_REQUIRED_NAME("name", name_is_dns_subdomain),
	RULE_REQUIRED_NAME("namespace", name_is_dns_label),
};
static const struct rule gce_rules[] = {RULE_REQUIRED("pdName")};
static const struct rule aws_rules[] = {RULE_REQUIRED("volumeID")};
static const struct rule glusterfs_rules[] = {
	RULE_REQUIRED("endpoints"),
	RULE_REQUIRED("path"),
	RULE_NAME("endpointsNamespace", name_is_dns_label),
};
static const struct rule rbd_rules[] = {RULE_REQUIRED("monitors"), RULE_REQUIRED("image")};
static const struct rule quobyte_rules[] = {RULE_REQUIRED("registry"), RULE_REQUIRED("volume")};
static const struct rule cephfs_rules[] = {RULE_REQUIRED("monitors")};
static const struct rule iscsi_rules[] = {
	RULE_REQUIRED("targetPortal"),	  RULE_REQUIRED("iqn"),
	RULE_CHECK("iqn", check_iqn),	  RULE_RANGE("lun", 0, 255),
	RULE_OF("secretRef", name_rules), RULE_CHECK("initiatorName", check_iqn),
};
static const struct rule cinder_rules[] = {RULE_REQUIRED("volumeID"), RULE_OF("secretRef", reference_rules)};
static const struct rule flex_rules[] = {RULE_REQUIRED("driver"), RULE_CHECK("options", check_flex_options)};
static const struct rule azure_file_rules[] = {
	RULE_REQUIRED("secretName"),
	RULE_REQUIRED("shareName"),
	RULE_NOT_EMPTY("secretNamespace"),
};
static const struct rule vsphere_rules[] = {RULE_REQUIRED("volumePath")};
static const struct rule photon_rules[] = {RULE_REQUIRED("pdID")};
static const struct rule portworx_rules[] = {RULE_REQUIRED("volumeID")};
static const struct rule scale_io_rules[] = {
	RULE_REQUIRED("gateway"),
	RULE_REQUIRED("system"),
	RULE_REQUIRED("volumeName"),
};
static const struct rule storage_os_rules[] = {
	RULE_REQUIRED_NAME("volumeName", name_is_dns_label),
	RULE_NAME("volumeNamespace", name_is_dns_label),
	RULE_OF("secretRef", reference_rules),
};
static const struct rule csi_rules[] = {
	RULE_CHECK("driver", check_csi_driver),
	RULE_REQUIRED("volumeHandle"),
	RULE_OF("controllerPublishSecretRef", secret_rules),
	RULE_OF("controllerExpandSecretRef", secret_rules),
	RULE_OF("nodePublishSecretRef", secret_rules),
	RULE_OF("nodeExpandSecretRef", secret_rules),
};

static const struct rule source_rules[] = {
	RULE_CHECK("hostPath", check_host_path),
	RULE_OF("gcePersistentDisk", gce_rules),
	RULE_OF("awsElasticBlockStore", aws_rules),
	RULE_OF("glusterfs", glusterfs_rules),
	RULE_CHECK("nfs", check_nfs),
	RULE_OF("rbd", rbd_rules),
	RULE_OF("quobyte", quobyte_rules),
	RULE_OF("cephfs", cephfs_rules),
	RULE_OF("iscsi", iscsi_rules),
	RULE_OF("cinder", cinder_rules),
	RULE_CHECK("fc", check_fc),
	RULE_OF("flexVolume", flex_rules),
	RULE_OF("azureFile", azure_file_rules),
	RULE_OF("vsphereVolume", vsphere_rules),
	RULE_OF("photonPersistentDisk", photon_rules),
	RULE_OF("portworxVolume", portworx_rules),
	RULE_CHECK("azureDisk", check_azure_disk),
	RULE_OF("scaleIO", scale_io_rules),
	RULE_CHECK("local", check_local),
	RULE_OF("storageos", storage_os_rules),
	RULE_OF("csi", csi_rules),
};

/* The rows are in upstream's order: the first source is checked, each other one refused. */
void check_volume_source(struct field_errors *errors, const struct path *path,
			 const struct core_v1_persistent_volume_spec *spec)
{
	const struct schema *schema = &schema_core_v1_persistent_volume_spec;
	bool found = spec->persistent_volume_source.flocker;

	for (size_t i = 0; i < ARRAY_LEN(source_rules); i++) {
		const struct rule *rule = &source_rules[i];
		const struct schema_field *field = schema_find(schema, str_from(rule->path));

		if (!*(const void *const *)(const void *)((const char *)spec + field->offset))
			continue;
		if (found)
			field_forbidden(errors, FIELD(path, rule->path), "may not specify more than 1 volume type");
		else
			check_rules(errors, path, schema, spec, rule, 1);
		found = true;
	}
	if (spec->persistent_volume_source.local && !spec->node_affinity)
		field_required(errors, FIELD(path, "nodeAffinity"), "Local volume requires node affinity");
	if (!found)
		field_required(errors, path, "must specify a volume type");
}
