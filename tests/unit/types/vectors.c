/* Reads the published test data from its archive; see vectors.h. */
#include "vectors.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#define ARCHIVE_NAME "k8s-api-v0.36.3-ga-testdata.tar.gz"

/* "apps.v1.Deployment" is apps/v1.Deployment; group names have dots, versions and kinds do not. */
static const struct schema *schema_of(struct str name)
{
	ptrdiff_t kind = str_last_index(name, '.'), version = str_last_index(str_sub(name, 0, (size_t)kind), '.');
	const struct schema *schema;
	char text[256];

	snprintf(text, sizeof(text), "%.*s/%s", (int)version, name.data, name.data + version + 1);
	schema = schema_by_name(str_from(text));
	if (schema)
		return schema;
	/* The shared types are registered in every group. */
	snprintf(text, sizeof(text), "meta/%s", name.data + version + 1);
	return schema_by_name(str_from(text));
}

static struct vector *vector_called(struct arena *arena, struct vector_list *vectors, struct str name)
{
	for (size_t i = 0; i < vectors->list.len; i++)
		if (str_eq(vectors->list.items[i].name, name))
			return &vectors->list.items[i];
	vec_push(arena, &vectors->list, (struct vector){.name = arena_str(arena, name)});
	vectors->list.items[vectors->list.len - 1].schema = schema_of(vectors->list.items[vectors->list.len - 1].name);
	return &vectors->list.items[vectors->list.len - 1];
}

static void add(struct arena *arena, struct vector_list *vectors, struct str path, struct str text)
{
	struct str file = str_from_at(path, (size_t)(str_last_index(path, '/') + 1)), extension;
	ptrdiff_t dot = str_last_index(file, '.');
	struct vector *vector;

	if (dot < 0)
		return;
	extension = str_from_at(file, (size_t)dot);
	if (!str_eq_c(extension, ".json") && !str_eq_c(extension, ".pb") && !str_eq_c(extension, ".yaml"))
		return;
	vector = vector_called(arena, vectors, str_sub(file, 0, (size_t)dot));
	*(str_eq_c(extension, ".json") ? &vector->json
	  : str_eq_c(extension, ".pb") ? &vector->proto
				       : &vector->yaml) = text;
}

struct vector_list vectors_load(struct arena *arena)
{
	const char *folder = getenv("WHERRY_VECTORS");
	struct vector_list vectors = {0};
	struct archive *archive;
	struct archive_entry *entry;
	struct str path;

	if (!folder || !*folder) {
		printf("# skipped: WHERRY_VECTORS does not name the folder with " ARCHIVE_NAME "\n");
		return vectors;
	}
	path = arena_printf(arena, "%s/" ARCHIVE_NAME, folder);
	archive = archive_read_new();
	archive_read_support_filter_gzip(archive);
	archive_read_support_format_tar(archive);
	if (archive_read_open_filename(archive, str_c(path), 65536) != ARCHIVE_OK)
		printf("# skipped: %s: %s\n", str_c(path), archive_error_string(archive));
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		size_t size = (size_t)archive_entry_size(entry);
		char *text = arena_alloc(arena, size + 1);

		if (archive_read_data(archive, text, size) != (la_ssize_t)size)
			continue;
		text[size] = '\0';
		add(arena, &vectors, str_from(archive_entry_pathname(entry)), (struct str){text, size});
	}
	archive_read_free(archive);
	return vectors;
}
