#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The same build as OSS-Fuzz's.
set -euo pipefail
exec "$SRC/virtio_user/fuzz/oss_fuzz/build.sh" "$@"
