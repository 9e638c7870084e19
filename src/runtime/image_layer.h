/*
 * One layer: a tar, plain or compressed, unpacked into a folder that overlayfs takes as a lower directory.  See image.h
 * for what is trusted (nothing).
 */
#ifndef WHERRY_RUNTIME_IMAGE_LAYER_H
#define WHERRY_RUNTIME_IMAGE_LAYER_H

#include "base/error.h"
#include "base/str.h"

/*
 * Unpacks the layer read from @fd (at its start) into the empty directory @root.  @ret_diff_id gets the digest of the
 * uncompressed tar, "sha256:...".  Needs root: owners and devices are kept.
 */
int image_layer_unpack(int fd, int root, char ret_diff_id[static 72], struct error *err) MUST_CHECK;

#endif
