/*
 * Base64 (RFC 4648), both alphabets, and hexadecimal.
 *
 * Decoding follows Go's encoding/base64: CR and LF are skipped, the bits that padding hides are not looked at, and a
 * failure says where ("illegal base64 data at input byte 3").  Any thread.
 */
#ifndef WHERRY_CODEC_BASE64_H
#define WHERRY_CODEC_BASE64_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

/* Bytes of text for @len bytes, padding included. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4)

/* Standard alphabet, padded: what JSON and PEM use. */
void base64_encode(struct bytes bytes, struct buf *out);
int base64_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err) MUST_CHECK;
/* URL alphabet, without padding: JSON web tokens, WebSocket protocol names. */
void base64_url_encode(struct bytes bytes, struct buf *out);
int base64_url_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err) MUST_CHECK;

/* Lower case. */
void hex_encode(struct bytes bytes, struct buf *out);
/* Either case; fails on other characters and on odd lengths. */
int hex_decode(struct str text, struct arena *arena, struct bytes *ret, struct error *err) MUST_CHECK;

#endif
