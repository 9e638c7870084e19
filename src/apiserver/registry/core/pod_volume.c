/* Volumes of pods; see pod_check.h. */
#include "apiserver/registry/core/pod_check.h"
#include "apiserver/registry/core/volume_check.h"

#define FILE_MODE_PROBLEM "must be a number between 0 and 0777 (octal), both inclusive"
#define TOKEN_SECONDS_MIN (10 * 60)
#define TOKEN_SECONDS_MAX (INT64_C(1) << 32)

static const char *const volume_expressions[] = {
	"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid", NULL,
};

void check_no_backsteps(struct field_errors *errors, const struct path *path, struct str target)
{
	struct str rest = target, step;
	bool more;

	do {
		more = str_cut(rest, '/', &step, &rest);
		if (str_eq_c(step, "..")) {
			field_invalid(errors, path, VALUE(target), "must not contain '..'");
			return;
		}
	} while (more);
}

void check_descending_path(struct field_errors *errors, const struct path *path, struct str target)
{
	if (target.len && target.data[0] == '/')
		field_invalid(errors, path, VALUE(target), "must be a relative path");
	check_no_backsteps(errors, path, target);
}

void check_local_path(struct field_errors *errors, const struct path *path, struct str target)
{
	check_descending_path(errors, path, target);
	if (str_has_prefix(target, STR("..")) && !str_has_prefix(target, STR("../")))
		field_invalid(errors, path, VALUE(target), "must not start with '..'");
}

static void check_mode(struct field_errors *errors, const struct path *path, const int32_t *mode)
{
	if (mode && (*mode < 0 || *mode > 0777))
		field_invalid(errors, path, VALUE(*mode), FILE_MODE_PROBLEM);
}

static void require(struct field_errors *errors, const struct path *path, struct str text)
{
	if (!text.len)
		field_required(errors, path, NULL);
}

static void check_items(struct field_errors *errors, const struct path *path,
			const struct core_v1_key_to_path_slice *items)
{
	for (size_t i = 0; i < items->len; i++) {
		const struct core_v1_key_to_path *item = &items->items[i];

		require(errors, FIELD(INDEX(path, i), "key"), item->key);
		require(errors, FIELD(INDEX(path, i), "path"), item->path);
		check_local_path(errors, FIELD(INDEX(path, i), "path"), item->path);
		check_mode(errors, FIELD(INDEX(path, i), "mode"), item->mode);
	}
}

static void check_downward_file(struct field_errors *errors, const struct path *path,
				const struct core_v1_downward_api_volume_file *file)
{
	require(errors, FIELD(path, "path"), file->path);
	check_local_path(errors, FIELD(path, "path"), file->path);
	if (file->field_ref) {
		check_field_ref(errors, FIELD(path, "fieldRef"), file->field_ref, volume_expressions);
		if (file->resource_field_ref)
			field_invalid(errors, path, VALUE("resource"),
				      "fieldRef and resourceFieldRef can not be specified simultaneously");
	} else if (file->resource_field_ref) {
		check_resource_field_ref(errors, FIELD(path, "resourceFieldRef"), file->resource_field_ref, true);
	} else {
		field_required(errors, path, "one of fieldRef and resourceFieldRef is required");
	}
	check_mode(errors, FIELD(path, "mode"), file->mode);
}

/* Paths of files inside one projected volume, which must differ. */
struct taken_paths {
	VEC_OF(struct str) items;
};

static void take_path(struct field_errors *errors, const struct path *path, struct taken_paths *taken, struct str file,
		      struct str shown)
{
	if (!file.len)
		return;
	for (size_t i = 0; i < taken->items.len; i++)
		if (str_eq(taken->items.items[i], file)) {
			field_invalid(errors, path, VALUE(shown), "conflicting duplicate paths");
			return;
		}
	vec_push(errors->arena, &taken->items, file);
}

static void check_projected_items(struct field_errors *errors, const struct path *volume, const struct path *path,
				  struct str name, const struct core_v1_key_to_path_slice *items,
				  struct taken_paths *taken)
{
	require(errors, FIELD(path, "name"), name);
	check_items(errors, FIELD(path, "items"), items);
	SLICE_FOREACH (item, *items)
		take_path(errors, volume, taken, item->path, name);
}

static void check_projected_token(struct field_errors *errors, const struct path *volume, const struct path *path,
				  const struct core_v1_service_account_token_projection *token)
{
	int64_t seconds = token->expiration_seconds ? *token->expiration_seconds : 0;

	if (seconds < TOKEN_SECONDS_MIN)
		field_invalid(errors, FIELD(path, "expirationSeconds"), VALUE(seconds),
			      "may not specify a duration less than 10 minutes");
	if (seconds > TOKEN_SECONDS_MAX)
		field_invalid(errors, FIELD(path, "expirationSeconds"), VALUE(seconds),
			      "may not specify a duration larger than 2^32 seconds");
	if (!token->path.len)
		field_required(errors, FIELD(volume, "path"), NULL);
	else
		check_local_path(errors, FIELD(volume, "path"), token->path);
}

static void check_projected(struct field_errors *errors, const struct path *path,
			    const struct core_v1_projected_volume_source *projected)
{
	struct taken_paths taken = {0};

	check_mode(errors, FIELD(path, "defaultMode"), projected->default_mode);
	for (size_t i = 0; i < projected->sources.len; i++) {
		const struct core_v1_volume_projection *source = &projected->sources.items[i];
		const struct path *at = INDEX(FIELD(path, "sources"), i);
		int count = !!source->secret + !!source->config_map + !!source->downward_api +
			    !!source->service_account_token + !!source->cluster_trust_bundle +
			    !!source->pod_certificate;

		if (source->secret)
			check_projected_items(errors, path, FIELD(at, "secret"),
					      source->secret->local_object_reference.name, &source->secret->items,
					      &taken);
		if (source->config_map)
			check_projected_items(errors, path, FIELD(at, "configMap"),
					      source->config_map->local_object_reference.name,
					      &source->config_map->items, &taken);
		for (size_t j = 0; source->downward_api && j < source->downward_api->items.len; j++) {
			check_downward_file(errors, FIELD(at, "downwardAPI"), &source->downward_api->items.items[j]);
			take_path(errors, path, &taken, source->downward_api->items.items[j].path,
				  source->downward_api->items.items[j].path);
		}
		if (source->service_account_token)
			check_projected_token(errors, path, FIELD(at, "serviceAccountToken"),
					      source->service_account_token);
		if (count > 1)
			field_forbidden(errors, at, "may not specify more than 1 volume type per source");
	}
}

void check_host_path(struct field_errors *errors, const struct path *path, const void *source)
{
	const struct core_v1_host_path_volume_source *host_path = source;

	if (!host_path->path.len) {
		field_required(errors, FIELD(path, "path"), NULL);
		return;
	}
	check_no_backsteps(errors, FIELD(path, "path"), host_path->path);
	if (host_path->type && !field_in_enum(*host_path->type, &schema_core_v1_host_path_volume_source, "type"))
		field_not_in_enum(errors, FIELD(path, "type"), *host_path->type,
				  &schema_core_v1_host_path_volume_source, "type");
}

void check_nfs(struct field_errors *errors, const struct path *path, const void *source)
{
	const struct core_v1_nfs_volume_source *nfs = source;

	require(errors, FIELD(path, "server"), nfs->server);
	require(errors, FIELD(path, "path"), nfs->path);
	if (!nfs->path.len || nfs->path.data[0] != '/')
		field_invalid(errors, FIELD(path, "path"), VALUE(nfs->path), "must be an absolute path");
}

static void check_iscsi(struct field_errors *errors, const struct path *path,
			const struct core_v1_iscsi_volume_source *iscsi)
{
	require(errors, FIELD(path, "targetPortal"), iscsi->target_portal);
	if (!iscsi->iqn.len)
		field_required(errors, FIELD(path, "iqn"), NULL);
	else if (!is_one_of(str_sub(iscsi->iqn, 0, 3), "iqn", "eui", "naa", NULL))
		field_invalid(errors, FIELD(path, "iqn"), VALUE(iscsi->iqn),
			      "must be valid format starting with iqn, eui, or naa");
	check_range(errors, FIELD(path, "lun"), iscsi->lun, 0, 255);
	if ((iscsi->chap_auth_discovery || iscsi->chap_auth_session) && !iscsi->secret_ref)
		field_required(errors, FIELD(path, "secretRef"), NULL);
}

void check_fc(struct field_errors *errors, const struct path *path, const void *source)
{
	const struct core_v1_fc_volume_source *fc = source;

	if (!fc->target_wwns.len && !fc->wwids.len)
		field_required(errors, FIELD(path, "targetWWNs"),
			       "must specify either targetWWNs or wwids, but not both");
	if (fc->target_wwns.len && fc->wwids.len)
		field_invalid(errors, FIELD(path, "targetWWNs"), field_value_list(&fc->target_wwns, errors->arena),
			      "targetWWNs and wwids can not be specified simultaneously");
	if (fc->target_wwns.len && !fc->lun)
		field_required(errors, FIELD(path, "lun"), "lun is required if targetWWNs is specified");
	else if (fc->target_wwns.len)
		check_range(errors, FIELD(path, "lun"), *fc->lun, 0, 255);
}

void check_azure_disk(struct field_errors *errors, const struct path *path, const void *source)
{
	const struct core_v1_azure_disk_volume_source *disk = source;
	const struct schema *schema = &schema_core_v1_azure_disk_volume_source;
	bool managed = disk->kind && str_eq_c(*disk->kind, "Managed");

	require(errors, FIELD(path, "diskName"), disk->disk_name);
	require(errors, FIELD(path, "diskURI"), disk->disk_uri);
	if (disk->caching_mode && !field_in_enum(*disk->caching_mode, schema, "cachingMode"))
		field_not_in_enum(errors, FIELD(path, "cachingMode"), *disk->caching_mode, schema, "cachingMode");
	if (disk->kind && !field_in_enum(*disk->kind, schema, "kind"))
		field_not_in_enum(errors, FIELD(path, "kind"), *disk->kind, schema, "kind");
	if (managed && !str_has_prefix(disk->disk_uri, STR("/subscriptions/")))
		field_not_supported_c(errors, FIELD(path, "diskURI"), VALUE(disk->disk_uri),
				      "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/"
				      "disks/{disk-id}",
				      NULL);
	if (disk->kind && !managed && !str_has_prefix(disk->disk_uri, STR("https://")))
		field_not_supported_c(errors, FIELD(path, "diskURI"), VALUE(disk->disk_uri),
				      "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
				      NULL);
}

static void check_csi(struct field_errors *errors, const struct path *path, const struct core_v1_csi_volume_source *csi)
{
	check_csi_driver_name(errors, FIELD(path, "driver"), csi->driver);
	if (csi->node_publish_secret_ref) {
		struct str name = csi->node_publish_secret_ref->name;

		if (!name.len)
			field_required(errors, FIELD(path, "nodePublishSecretRef.name"), NULL);
		else
			check_name(errors, FIELD(path, "name"), name, name_is_dns_subdomain(name));
	}
}

static void check_ephemeral(struct field_errors *errors, const struct path *path,
			    const struct core_v1_ephemeral_volume_source *ephemeral)
{
	if (!ephemeral->volume_claim_template) {
		field_required(errors, FIELD(path, "volumeClaimTemplate"), NULL);
		return;
	}
	check_claim_spec(errors, FIELD(path, "volumeClaimTemplate.spec"), &ephemeral->volume_claim_template->spec);
}

static void check_image(struct pod_check *check, const struct path *path,
			const struct core_v1_image_volume_source *image)
{
	if (check->is_pod)
		require(check->errors, FIELD(path, "reference"), image->reference);
	if (!image->pull_policy.len)
		field_required(check->errors, FIELD(path, "pullPolicy"), NULL);
	else if (!field_in_enum(image->pull_policy, &schema_core_v1_image_volume_source, "pullPolicy"))
		field_not_in_enum(check->errors, FIELD(path, "pullPolicy"), image->pull_policy,
				  &schema_core_v1_image_volume_source, "pullPolicy");
}

/* The sources whose only rule is that some text is there. */
static void check_simple_sources(struct field_errors *errors, const struct path *path,
				 const struct core_v1_volume_source *source)
{
	if (source->gce_persistent_disk)
		require(errors, FIELD(path, "persistentDisk.pdName"), source->gce_persistent_disk->pd_name);
	if (source->aws_elastic_block_store)
		require(errors, FIELD(path, "awsElasticBlockStore.volumeID"),
			source->aws_elastic_block_store->volume_id);
	if (source->persistent_volume_claim)
		require(errors, FIELD(path, "persistentVolumeClaim.claimName"),
			source->persistent_volume_claim->claim_name);
	if (source->git_repo) {
		require(errors, FIELD(path, "gitRepo.repository"), source->git_repo->repository);
		check_descending_path(errors, FIELD(path, "gitRepo.directory"), source->git_repo->directory);
	}
	if (source->secret) {
		require(errors, FIELD(path, "secret.secretName"), source->secret->secret_name);
		check_mode(errors, FIELD(path, "secret.defaultMode"), source->secret->default_mode);
		check_items(errors, FIELD(path, "secret.items"), &source->secret->items);
	}
	if (source->config_map) {
		require(errors, FIELD(path, "configMap.name"), source->config_map->local_object_reference.name);
		check_mode(errors, FIELD(path, "configMap.defaultMode"), source->config_map->default_mode);
		check_items(errors, FIELD(path, "configMap.items"), &source->config_map->items);
	}
	if (source->downward_api) {
		check_mode(errors, FIELD(path, "downwardAPI.defaultMode"), source->downward_api->default_mode);
		SLICE_FOREACH (file, source->downward_api->items)
			check_downward_file(errors, FIELD(path, "downwardAPI"), file);
	}
}

static void check_source(struct pod_check *check, const struct path *path, const struct core_v1_volume_source *source)
{
	struct field_errors *errors = check->errors;

	if (source->empty_dir && source->empty_dir->size_limit && quantity_sign(source->empty_dir->size_limit) < 0)
		field_forbidden(errors, FIELD(path, "emptyDir.sizeLimit"),
				"SizeLimit field must be a valid resource quantity");
	if (source->host_path)
		check_host_path(errors, FIELD(path, "hostPath"), source->host_path);
	check_simple_sources(errors, path, source);
	if (source->nfs)
		check_nfs(errors, FIELD(path, "nfs"), source->nfs);
	if (source->iscsi)
		check_iscsi(errors, FIELD(path, "iscsi"), source->iscsi);
	if (source->fc)
		check_fc(errors, FIELD(path, "fc"), source->fc);
	if (source->azure_disk)
		check_azure_disk(errors, FIELD(path, "azureDisk"), source->azure_disk);
	if (source->projected)
		check_projected(errors, FIELD(path, "projected"), source->projected);
	if (source->csi)
		check_csi(errors, FIELD(path, "csi"), source->csi);
	if (source->ephemeral)
		check_ephemeral(errors, FIELD(path, "ephemeral"), source->ephemeral);
	if (source->image)
		check_image(check, FIELD(path, "image"), source->image);
}

/* In upstream's order: of several sources the first is checked, each other one is refused by name. */
static void check_one_source(struct pod_check *check, const struct path *path,
			     const struct core_v1_volume_source *source)
{
	static const char *const order[] = {
		"emptyDir",
		"hostPath",
		"gitRepo",
		"gcePersistentDisk",
		"awsElasticBlockStore",
		"secret",
		"nfs",
		"iscsi",
		"glusterfs",
		"flocker",
		"persistentVolumeClaim",
		"rbd",
		"cinder",
		"cephfs",
		"quobyte",
		"downwardAPI",
		"fc",
		"flexVolume",
		"configMap",
		"azureFile",
		"vsphereVolume",
		"photonPersistentDisk",
		"portworxVolume",
		"azureDisk",
		"storageos",
		"projected",
		"scaleIO",
		"csi",
		"ephemeral",
		"image",
	};
	struct core_v1_volume_source first = {0};
	int count = 0;

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const struct schema_field *field = schema_find(&schema_core_v1_volume_source, str_from(order[i]));
		const void *const *member = (const void *)((const char *)source + field->offset);

		if (!*member)
			continue;
		if (count++ == 0)
			*(const void **)(void *)((char *)&first + field->offset) = *member;
		else
			field_forbidden(check->errors, FIELD(path, order[i]),
					"may not specify more than 1 volume type");
		if (count == 1)
			check_source(check, path, &first);
	}
	if (!count)
		field_required(check->errors, path, "must specify a volume type");
}

void check_volumes(struct pod_check *check, const struct path *path)
{
	const struct core_v1_volume_slice *volumes = &check->spec->volumes;

	for (size_t i = 0; i < volumes->len; i++) {
		const struct core_v1_volume *volume = &volumes->items[i];
		size_t before = check->errors->len;

		check_one_source(check, INDEX(path, i), &volume->volume_source);
		if (!volume->name.len)
			field_required(check->errors, FIELD(INDEX(path, i), "name"), NULL);
		else
			check_name(check->errors, FIELD(INDEX(path, i), "name"), volume->name,
				   name_is_dns_label(volume->name));
		for (size_t j = 0; j < i; j++)
			if (check->volume_ok[j] && str_eq(volumes->items[j].name, volume->name))
				field_duplicate(check->errors, FIELD(INDEX(path, i), "name"), VALUE(volume->name));
		check->volume_ok[i] = check->errors->len == before;
	}
}
