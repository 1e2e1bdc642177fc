// SPDX-License-Identifier: BSD-3-Clause
//
// Which layer of virtio_user/ may include which; docs/architecture.md draws it.

#ifndef TESTS_TIDY_LAYERS_H_
#define TESTS_TIDY_LAYERS_H_

#include <string_view>
#include <vector>

namespace tidy {

// The folders of virtio_user/.
std::vector<std::string_view> LayerNames();

// True if the production file at `path` may include `header`, which is spelled
// as between the quotes or with the angle brackets.
bool MayInclude(std::string_view path, std::string_view header);

}  // namespace tidy

#endif  // TESTS_TIDY_LAYERS_H_
