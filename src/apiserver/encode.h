/*
 * Answers made of objects: JSON, YAML, protobuf; whole, as Table or as metadata alone.
 *
 * JSON of the storage version comes straight from the stored bytes.  Everything else goes through the typed object.
 */
#ifndef WHERRY_APISERVER_ENCODE_H
#define WHERRY_APISERVER_ENCODE_H

#include "apiserver/request.h"

/* The request's Status as the answer's body. */
void encode_status_response(struct request *request);
/* The content type of an answer in the negotiated form. */
struct str response_content_type(const struct request *request);

/* The stored object of @record, with @code. */
enum step_result respond_record(struct request *request, int code, const struct store_record *record);
/* A struct of the stored schema that is not in the store (dry run), as of @revision. */
enum step_result respond_stored(struct request *request, int code, const void *data, uint64_t revision);
/* Any struct with its kind: a Scale, a review, a binding's Status; no Table. */
enum step_result respond_struct(struct request *request, int code, const struct schema *schema, const void *data);
/* JSON in the response's body ready made: turned into the negotiated format. */
enum step_result respond_json_body(struct request *request, int code);
/* Text with its content type. */
enum step_result respond_text(struct request *request, int code, struct str content_type, struct str text);

/* A list in the making: records in, the negotiated form out. */
struct list_answer {
	struct request *request;
	size_t len;
	uint64_t revision;
	struct error err;
	VEC_OF(struct object *) objects; /* for forms that need them all: protobuf */
};
void list_answer_start(struct list_answer *answer, struct request *request, uint64_t revision);
/* False: something is wrong with the record; answer->err tells. */
bool list_answer_add(struct list_answer *answer, const struct store_record *record);
/* @remaining < 0: not said. */
enum step_result list_answer_finish(struct list_answer *answer, struct str continue_token, int64_t remaining);

/* The record's object, as much of it as the negotiated form shows: a reference the caller drops. */
int answer_object(const struct request *request, const struct store_record *record, struct object **ret,
		  struct error *err) MUST_CHECK;
/* One object in the negotiated form as JSON, appended, as events of a watch carry it.  @headers: Tables with columns.
 */
int encode_object_json(struct request *request, const struct store_record *record, uint64_t revision, bool headers,
		       struct buf *out, struct error *err) MUST_CHECK;
/* The object a bookmark carries. */
void encode_bookmark_json(struct request *request, uint64_t revision, bool initial_end, struct buf *out);

/* Is includeObject one of its words, where a Table was asked for?  If not, the request has failed. */
bool check_include_object(struct request *request);
/* The struct in the version of the request's resource: @data itself when that is the stored one. */
const void *request_version_of(struct request *request, const void *data);

/* Tables (encode_table.c): all before the rows, one row, and the end, as JSON. */
void table_begin(struct request *request, uint64_t revision, struct str continue_token, int64_t remaining, bool headers,
		 struct buf *out);
void table_row_json(struct request *request, const struct object *object, bool first, struct buf *out);
void table_end(struct buf *out);
/* The metadata of an object as it is shown without the rest; shares memory with the object's. */
struct meta_v1_object_meta partial_meta(const struct request *request, const struct object *object,
					struct arena *arena);
/* {"kind":"PartialObjectMetadata",...} of an object. */
void partial_json(struct request *request, const struct object *object, struct buf *out);

#endif
