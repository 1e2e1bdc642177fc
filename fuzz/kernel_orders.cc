// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_orders.h"

#include <linux/if_tun.h>
#include <linux/virtio_config.h>

#include <algorithm>
#include <climits>
#include <cstring>

#include "fuzz/finding.h"

namespace fuzz {

using virtio_user::FeatureSet;
using virtio_user::MemoryRegion;
using virtio_user::Result;

namespace {

constexpr uint64_t Bit(unsigned bit) { return uint64_t{1} << bit; }

// Bits of virtio's and vhost's feature word.
constexpr uint64_t kGuestCsum = Bit(1);
constexpr uint64_t kGuestTso4 = Bit(7);
constexpr uint64_t kGuestTso6 = Bit(8);
constexpr uint64_t kMrgRxbuf = Bit(15);
constexpr uint64_t kCtrlVq = Bit(17);
constexpr uint64_t kMq = Bit(22);
constexpr uint64_t kVersion1 = Bit(32);
constexpr uint64_t kAccessPlatform = Bit(33);
constexpr uint64_t kPacked = Bit(34);
constexpr uint64_t kRss = Bit(60);
// What is the tap's matter: those above, CSUM, HOST_TSO4, HOST_TSO6 and MQ.
constexpr uint64_t kOfTap =
    kGuestCsum | kGuestTso4 | kGuestTso6 | Bit(0) | Bit(11) | Bit(12) | kMq;

// VHOST_BACKEND_F_IOTLB_MSG_V2, _IOTLB_BATCH, _IOTLB_ASID, _SUSPEND.
constexpr uint64_t kSpoken = Bit(1) | Bit(2) | Bit(3) | Bit(4);

uint64_t TapOffloads(uint64_t features) {
  return ((features & kGuestCsum) != 0 ? TUN_F_CSUM : 0) |
         ((features & kGuestTso4) != 0 ? TUN_F_TSO4 : 0) |
         ((features & kGuestTso6) != 0 ? TUN_F_TSO6 : 0);
}

uint64_t Word(const std::byte* host) {
  return reinterpret_cast<uintptr_t>(host);
}

uint64_t Word(int fd) { return static_cast<uint64_t>(int64_t{fd}); }

}  // namespace

// --- The device as a whole ---------------------------------------------------

void KernelOrders::Attach() {
  Closed();
  finish_ = &KernelOrders::FinishAttach;
}

// Each file once, the tap with a virtio-net header and without a limit of
// what is on its way; one queue of it is used until a pair is enabled.
void KernelOrders::FinishAttach() {
  constexpr uint64_t kVdpaFile = 2;
  if (is_vdpa()) return wanted_.Set({.place = kVdpaFile}, {});
  const KernelSaid& said = answers_.said();
  const bool several = pairs_ > 1 || said.plain_tap_refused;
  const uint64_t flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
                         (several ? uint64_t{IFF_MULTI_QUEUE} : 0);
  constexpr char kPattern[16] = "tap%d";
  for (uint32_t pair = 0; pair < pairs_; ++pair) {
    wanted_.Set({.of = pair, .place = 0}, {});
    wanted_.Set({.of = pair, .place = 1}, {});
    ToldValue interface = {flags};
    std::memcpy(&interface[1], pair == 0 ? kPattern : said.tap_name.data(),
                sizeof(kPattern));
    Want(Told::kInterface, pair, interface);
    if (pair != 0) Want(Told::kDetached, pair, {});
  }
  Want(Told::kSendBuffer, 0, {INT_MAX});
}

void KernelOrders::SetOwner() {
  for (uint32_t pair = 0; pair < std::max(pairs_, 1u); ++pair) {
    Want(Told::kOwner, pair, {});
  }
}

void KernelOrders::GetFeatures() {
  if (is_vdpa()) finish_ = &KernelOrders::FinishFeatures;
}

void KernelOrders::FinishFeatures() {
  const KernelSaid& said = answers_.said();
  offered_ = said.features.value_or(0);
  const uint64_t spoken = said.backend_features & kSpoken;
  if (spoken != 0) Want(Told::kBackendFeatures, 0, {spoken});
  const auto* const call = told_.state().Find({.what = Told::kConfigCall});
  Expect(call != nullptr && static_cast<int64_t>(call->front()) >= 0,
         "config call", "nobody hears of changes");
  config_call_ = call->front();
  Want(Told::kConfigCall, 0, {config_call_});
  iova_range_ = said.iova_range;
  device_pairs_ = (offered_ & (kMq | kRss)) != 0 ? said.pairs : 1;
}

void KernelOrders::SetFeatures(FeatureSet features) {
  uint64_t word = features.low();
  if (is_vdpa()) {
    constexpr uint64_t kDriver =
        VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    const bool many = (word & (kMq | kRss)) != 0;
    control_ring_ = many ? 2 * device_pairs_ : 2;
    // Behind an IOMMU, which a driver is not told of.
    Want(Told::kFeatures, 0, {word | (offered_ & kAccessPlatform)});
    Want(Told::kStatus, 0, {kDriver});
    // A reset may have had it forgotten; it is the one of GetFeatures.
    return Want(Told::kConfigCall, 0, {config_call_});
  }
  const bool long_header = (word & (kVersion1 | kMrgRxbuf)) != 0;
  Want(Told::kHeaderBytes, 0, {long_header ? 12u : 10u});
  Want(Told::kOffloads, 0, {TapOffloads(word)});
  word &= ~kOfTap;
  for (uint32_t pair = 0; pair < pairs_; ++pair) {
    Want(Told::kFeatures, pair, {word});
  }
}

void KernelOrders::SetGuestOffloads(FeatureSet offloads) {
  Want(Told::kOffloads, 0, {TapOffloads(offloads.low())});
}

// A reset ends all that was said of rings, and no memory stays mapped.
void KernelOrders::Reset() {
  if (wanted_.Has({.what = Told::kStatus})) wanted_.Reset();
  may_run_ = false;
  wanted_.EraseAll(Told::kMapping);
}

void KernelOrders::SetStatus(uint8_t status) {
  if (status == 0) return Reset();
  const uint64_t before = wanted_.Number({.what = Told::kStatus});
  const uint64_t features = wanted_.Number({.what = Told::kFeatures});
  Want(Told::kStatus, 0, {status});
  if ((status & ~before & VIRTIO_CONFIG_S_DRIVER_OK) == 0) return;
  may_run_ = true;
  starts_control_ = (features & kCtrlVq) != 0;
  if (starts_control_) finish_ = &KernelOrders::FinishControl;
}

void KernelOrders::SetConfig(std::span<const std::byte> bytes) {
  ToldValue value = {uint64_t{bytes.size()} << 32};
  std::memcpy(&value[1], bytes.data(), std::min<size_t>(bytes.size(), 32));
  Want(Told::kConfig, 0, value);
}

void KernelOrders::SetMemTable(const virtio_user::MemoryTable& table) {
  regions_.clear();
  for (const MemoryRegion& region : table.regions()) {
    regions_.push_back({.host = region.host,
                        .published = region.published,
                        .iova = region.iova});
  }
  for (const Region& region : regions_) {
    if (!is_vdpa()) break;
    wanted_.Set({.what = Told::kMapping, .place = region.iova},
                {region.host.size(), Word(region.host.data())});
  }
  for (uint32_t pair = 0; pair < pairs_; ++pair) {
    Want(Told::kTable, pair, {regions_.size()});
    uint64_t index = 0;
    for (const Region& region : regions_) {
      wanted_.Set(
          {Told::kRegion, pair, index++},
          {region.published, region.host.size(), Word(region.host.data())});
    }
  }
}

// --- A ring ------------------------------------------------------------------

void KernelOrders::SetVringNum(uint32_t ring, uint16_t num) {
  Want(Told::kNum, ring, {num});
}

void KernelOrders::SetVringBase(uint32_t ring, uint32_t base) {
  Want(Told::kBase, ring, {base});
}

// vhost-net reads rings where this process has them.
uint64_t KernelOrders::AddrOf(const std::byte* at) const {
  if (!is_vdpa()) return Word(at);
  for (const auto& [host, published, iova] : regions_) {
    if (at >= host.data() && at < host.data() + host.size()) {
      return iova + static_cast<uint64_t>(at - host.data());
    }
  }
  ReportAt("memory", "a ring that is not in it",
           std::source_location::current());
}

void KernelOrders::SetVringAddr(uint32_t ring,
                                const virtio_user::RingLayout& layout) {
  Want(Told::kAddr, ring,
       {0, AddrOf(layout.desc), AddrOf(layout.device), AddrOf(layout.driver)});
}

void KernelOrders::SetVringCall(uint32_t ring, int fd) {
  Want(Told::kCall, ring, {Word(fd)});
}

// A vDPA device may take nobody's word for it after DRIVER_OK.
void KernelOrders::SetVringKick(uint32_t ring, int fd) {
  Want(Told::kKick, ring, {Word(fd)});
  if (is_vdpa()) Want(Told::kEnable, ring, {1});
}

void KernelOrders::EnableVring(uint32_t ring) {
  const uint32_t queue = ring / 2;
  wanted_.Erase({.what = Told::kDetached, .of = queue});
  Want(Told::kBackend, ring, {Word(told_.TapFd(queue))});
}

// Frames are not to go to a pair of which nothing runs.
void KernelOrders::DisableVring(uint32_t ring) {
  const uint32_t queue = ring / 2;
  wanted_.Erase({.what = Told::kBackend, .of = ring});
  const bool idle = !wanted_.Has({.what = Told::kBackend, .of = ring ^ 1});
  if (idle && queue != 0) Want(Told::kDetached, queue, {});
}

bool KernelOrders::Runs() const {
  const uint64_t status = told_.state().Number({.what = Told::kStatus});
  return (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;
}

// By suspending a device that can be; one that cannot and whose rings say
// themselves where they stand is reset.
void KernelOrders::GetVringBases(uint32_t rings) {
  if (!is_vdpa()) {
    for (uint32_t ring = 0; ring < rings; ++ring) DisableVring(ring);
    return;
  }
  if (!Runs()) {
    if (may_run_) finish_ = &KernelOrders::FinishStop;
    return;
  }
  const auto number = [&](Told what) { return wanted_.Number({.what = what}); };
  constexpr uint64_t kSuspend = Bit(4);
  if ((number(Told::kBackendFeatures) & kSuspend) != 0) {
    Want(Told::kSuspend, 0, {});
  } else if ((number(Told::kFeatures) & kPacked) == 0) {
    Reset();
  }
}

// DRIVER_OK was refused, and has come all the same, or not.
void KernelOrders::FinishStop() {
  const ToldState& told = told_.state();
  if (told.Has({.what = Told::kSuspend})) Want(Told::kSuspend, 0, {});
  if (!told.Has({.what = Told::kStatus})) Reset();
}

void KernelOrders::Detach() {
  if (is_vdpa()) Reset();
}

// --- Judgement ---------------------------------------------------------------

void KernelOrders::JudgeQueued() const {
  const auto wrong = told_.state().DifferenceTo(before_);
  Expect(!wrong, "batch", wrong ? *wrong : "");
}

void KernelOrders::Judge(const Result<void>& done) {
  if (done && finish_ != nullptr) (this->*finish_)();
  if (done) {
    const auto wrong = told_.state().DifferenceTo(wanted_);
    Expect(!wrong, "told", wrong ? *wrong : "");
  } else {
    JudgeFailure();
  }
  finish_ = nullptr;
  starts_control_ = false;
  before_ = wanted_ = told_.state();
}

// What was done and undone in the meantime is as it was.
void KernelOrders::JudgeFailure() const {
  for (const ToldState::Entry& entry : told_.state().entries()) {
    const auto& [key, value] = entry;
    const auto as_in = [&](const ToldState& state) {
      const ToldValue* const found = state.Find(key);
      return found != nullptr && *found == value;
    };
    if (as_in(before_) || as_in(wanted_)) continue;
    const bool of_control =
        key.what == Told::kMapping || key.what == Told::kGroup ||
        (key.what >= Told::kNum && key.what <= Told::kEnable &&
         key.of == control_ring_);
    // A step on the way, or what the kernel's answers decide.
    if (finish_ != nullptr && (!starts_control_ || of_control)) continue;
    if (key.what == Told::kStatus || key.what == Told::kBatch) continue;
    Expect(false, "told", TextOf(entry) + ", which nobody asked for");
  }
}

void KernelOrders::Closed() {
  told_.Closed();
  may_run_ = false;
  before_.Clear();
  wanted_.Clear();
}

}  // namespace fuzz
