// SPDX-License-Identifier: BSD-3-Clause
//
// KernelOrders: the control queue of a vDPA device's own, which its back-end
// drives.

#include <bit>
#include <iterator>

#include "fuzz/finding.h"
#include "fuzz/kernel_orders.h"

namespace fuzz {

namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr uint32_t kControlSpace = 1;
constexpr uint64_t kPacked = uint64_t{1} << 34;    // VIRTIO_F_RING_PACKED
constexpr uint64_t kIotlbAsid = uint64_t{1} << 3;  // VHOST_BACKEND_F_IOTLB_ASID

}  // namespace

// Where its group is another one, and there is a space for it.
bool KernelOrders::IsControlSeparate() const {
  const KernelSaid& said = answers_.said();
  const uint64_t spoken = wanted_.Number({.what = Told::kBackendFeatures});
  return (spoken & kIotlbAsid) != 0 && said.spaces >= 2 &&
         said.GroupOf(0) != said.GroupOf(control_ring_);
}

// Its ring, in memory that is mapped beside the driver's.
void KernelOrders::FinishControl() {
  const ToldState& told = told_.state();
  const bool separate = IsControlSeparate();
  if (separate) {
    const uint32_t group = answers_.said().GroupOf(control_ring_).value_or(0);
    Want(Told::kGroup, group, {kControlSpace});
  }
  const ToldState::Entry* memory = nullptr;
  for (const ToldState::Entry& entry : told.entries()) {
    if (entry.key.what != Told::kMapping || wanted_.Has(entry.key)) continue;
    Expect(memory == nullptr, "control", "more memory than is its own");
    memory = &entry;
  }
  Expect(memory != nullptr && memory->key.of == (separate ? kControlSpace : 0),
         "control", "it is in another space");
  wanted_.Set(memory->key, memory->value);
  const uint64_t iova = memory->key.place;
  const uint64_t bytes = memory->value[0];
  Expect((iova | bytes | memory->value[1]) % kPageBytes == 0 &&
             iova >= iova_range_[0] && iova + (bytes - 1) >= iova &&
             iova + (bytes - 1) <= iova_range_[1],
         "control", "the device does not reach it");
  JudgeControlRing(control_ring_, *memory);
  for (const Told what :
       {Told::kNum, Told::kBase, Told::kAddr, Told::kKick, Told::kEnable}) {
    const ToldKey key = {.what = what, .of = control_ring_};
    wanted_.Set(key, *told.Find(key));
  }
}

void KernelOrders::JudgeControlRing(uint32_t ring,
                                    const ToldState::Entry& memory) const {
  const ToldState& told = told_.state();
  const auto value = [&](Told what) {
    const auto* const found = told.Find({.what = what, .of = ring});
    Expect(found != nullptr, "control", "its ring is not told of");
    return *found;
  };
  const bool packed =
      (wanted_.Number({.what = Told::kFeatures}) & kPacked) != 0;
  const uint64_t num = value(Told::kNum)[0];
  // A command has a header, data and an ack.
  Expect(num >= 3 && std::has_single_bit(num), "control", "its size");
  Expect(value(Told::kBase)[0] == (packed ? 0x8000'8000u : 0), "control",
         "it is new, and does not begin at its begin");
  const ToldValue addr = value(Told::kAddr);
  // desc, used, avail.
  const uint64_t bytes[] = {16 * num, packed ? 4 : 6 + 8 * num,
                            packed ? 4 : 6 + 2 * num};
  const uint64_t aligns[] = {16, 4, packed ? 4u : 2u};
  for (size_t i = 0; i < std::size(bytes); ++i) {
    const uint64_t at = addr[i + 1] - memory.key.place;
    Expect(at <= memory.value[0] && bytes[i] <= memory.value[0] - at &&
               at % aligns[i] == 0,
           "control", "a part of its ring is not in its memory");
    for (size_t j = 0; j < i; ++j) {
      Expect(addr[i + 1] >= addr[j + 1] + bytes[j] ||
                 addr[j + 1] >= addr[i + 1] + bytes[i],
             "control", "parts of its ring lie in each other");
    }
  }
  const uint64_t kick = value(Told::kKick)[0];
  for (const auto& [key, other] : wanted_.entries()) {
    const bool is_fd = key.what == Told::kKick || key.what == Told::kCall;
    Expect(!is_fd || key.of == ring || other.front() != kick, "control",
           "its kick is another ring's");
  }
  Expect(static_cast<int64_t>(kick) >= 0 && value(Told::kEnable)[0] == 1,
         "control", "its ring does not run");
}

}  // namespace fuzz
