// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_RING_BY_FOURS_H_
#define VIRTIO_USER_RING_BY_FOURS_H_

#include <cstddef>

namespace virtio_user {

// A loop over short steps, which looks at four of them before it takes any: so
// neither counting nor the ways out cost much beside the steps themselves. For
// i from 0 to `limit` - 1, as long as the step fits:
//   look(i) -> Seen               what there is, loaded once
//   differs(i, seen) -> unsigned  not 0: the step does not fit
//   fits(i, seen) -> bool         asked only where nothing differs
//   take(i, seen)                 the step
// Returns how many steps were taken. What was looked at and not taken is looked
// at anew by whoever comes next.
template <typename Look, typename Differs, typename Fits, typename Take>
[[gnu::always_inline]] inline size_t ByFours(size_t limit, const Look& look,
                                             const Differs& differs,
                                             const Fits& fits,
                                             const Take& take) {
  size_t i = 0;
  for (; i + 4 <= limit; i += 4) {
    const auto a = look(i);
    const auto b = look(i + 1);
    const auto c = look(i + 2);
    const auto d = look(i + 3);
    const auto any_differs = differs(i, a) | differs(i + 1, b) |
                             differs(i + 2, c) | differs(i + 3, d);
    if (any_differs != 0) break;
    if (!fits(i, a) || !fits(i + 1, b) || !fits(i + 2, c) || !fits(i + 3, d)) {
      break;
    }
    take(i, a);
    take(i + 1, b);
    take(i + 2, c);
    take(i + 3, d);
  }
  for (; i < limit; ++i) {
    const auto seen = look(i);
    if (differs(i, seen) != 0 || !fits(i, seen)) break;
    take(i, seen);
  }
  return i;
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_RING_BY_FOURS_H_
