/* Credentials; see credentials.h. */
#include "client/credentials.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/tls.h"
#include "sys/path.h"
#include "sys/thread.h"

/* What serves for TLS, replaced together or not at all. */
enum part { PART_CA, PART_CERTIFICATE, PART_KEY, PART_MAX };

struct credentials {
	struct arena arena; /* of files */
	struct str files[PART_MAX], token_file;
	bool insecure, has_files;
	int64_t period;
	struct tls_context *tls;
	struct mutex lock; /* guards what follows, and is held while files are read: the others have nothing better */
	int64_t looked_at;
	bool doubted;
	struct str texts[PART_MAX], token; /* each from the heap */
};

int credential_read(struct str path, struct arena *arena, struct str *ret, struct error *err)
{
	struct buf cleanup_buf text;
	int r;

	buf_init(&text, LIMIT_CREDENTIAL);
	r = path_read(AT_FDCWD, str_c(arena_str(arena, path)), &text);
	if (r == -EFBIG)
		return error_set(err, ERR_TOO_LARGE, STR_FMT " is larger than %d bytes", STR_ARG(path),
				 LIMIT_CREDENTIAL);
	if (r < 0)
		return error_set_errno(err, -r, "read " STR_FMT, STR_ARG(path));
	*ret = arena_str(arena, buf_view(&text));
	return 0;
}

static void replace(struct str *text, struct str by)
{
	/* It is ours; struct str knows no other than const. */
	free(UNCONST(char *, text->data));
	*text = (struct str){xmemdup(by.data ? by.data : "", by.len), by.len};
}

int credentials_new(const struct credentials_config *config, int64_t now, struct credentials **ret, struct error *err)
{
	const struct credential *parts[PART_MAX] = {&config->ca, &config->certificate, &config->key};
	struct tls_client_config tls = {config->ca.text, config->certificate.text, config->key.text, config->insecure};
	struct tls_context *context;
	struct credentials *credentials;

	if (tls_context_new_client(&tls, &context, err) < 0)
		return -(int)err->code;
	credentials = XNEW(struct credentials);
	credentials->tls = context;
	credentials->insecure = config->insecure;
	credentials->period = config->period ? config->period : CREDENTIALS_PERIOD;
	credentials->looked_at = now;
	mutex_init(&credentials->lock);
	for (size_t i = 0; i < PART_MAX; i++) {
		credentials->files[i] = arena_str(&credentials->arena, parts[i]->file);
		credentials->has_files |= parts[i]->file.len > 0;
		replace(&credentials->texts[i], parts[i]->text);
	}
	credentials->token_file = arena_str(&credentials->arena, config->token.file);
	replace(&credentials->token, config->token.text);
	*ret = credentials;
	return 0;
}

struct credentials *credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return NULL;
	for (size_t i = 0; i < PART_MAX; i++)
		free(UNCONST(char *, credentials->texts[i].data)); /* ours, as in replace() */
	free(UNCONST(char *, credentials->token.data));		   /* the same */
	tls_context_unref(credentials->tls);
	mutex_release(&credentials->lock);
	arena_release(&credentials->arena);
	free(credentials);
	return NULL;
}

static void refresh_token(struct credentials *credentials, struct arena *arena)
{
	struct error err = {0};
	struct str token;

	if (!credentials->token_file.len)
		return;
	if (credential_read(credentials->token_file, arena, &token, &err) < 0)
		log_debug("the token is kept", "error=\"%s\"", err.message);
	else if (!str_empty(str_trim(token)))
		replace(&credentials->token, str_trim(token));
}

static bool refresh_tls(struct credentials *credentials, struct arena *arena)
{
	struct str texts[PART_MAX];
	struct tls_client_config tls;
	struct error err = {0};
	bool changed = false;

	for (size_t i = 0; i < PART_MAX; i++) {
		texts[i] = credentials->texts[i];
		if (credentials->files[i].len && credential_read(credentials->files[i], arena, &texts[i], &err) < 0) {
			log_debug("certificates are kept", "error=\"%s\"", err.message);
			return false;
		}
		changed |= !str_eq(texts[i], credentials->texts[i]);
	}
	if (!changed)
		return false;
	tls = (struct tls_client_config){texts[PART_CA], texts[PART_CERTIFICATE], texts[PART_KEY],
					 credentials->insecure};
	if (tls_context_reload_client(credentials->tls, &tls, &err) < 0) {
		log_debug("certificates are kept", "error=\"%s\"", err.message);
		return false;
	}
	for (size_t i = 0; i < PART_MAX; i++)
		if (credentials->files[i].len)
			replace(&credentials->texts[i], texts[i]);
	return true;
}

bool credentials_refresh(struct credentials *credentials, int64_t now)
{
	struct arena cleanup_arena arena = {0};

	MUTEX_GUARD(&credentials->lock);

	if (!credentials->doubted && now - credentials->looked_at < credentials->period)
		return false;
	credentials->doubted = false;
	credentials->looked_at = now;
	refresh_token(credentials, &arena);
	return credentials->has_files && refresh_tls(credentials, &arena);
}

void credentials_doubt(struct credentials *credentials)
{
	MUTEX_GUARD(&credentials->lock);

	credentials->doubted = true;
}

struct tls_context *credentials_tls(struct credentials *credentials)
{
	return credentials->tls;
}

struct str credentials_token(struct credentials *credentials, struct arena *arena)
{
	MUTEX_GUARD(&credentials->lock);

	return arena_str(arena, credentials->token);
}
