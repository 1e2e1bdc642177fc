// SPDX-License-Identifier: BSD-3-Clause
//
// What an embedder says of a device, its rings, its memory and its buffers.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "backend_sim/mapping_pool.h"
#include "fuzz/device_calls.h"
#include "fuzz/device_oracle.h"
#include "fuzz/finding.h"
#include "fuzz/typed_text.h"
#include "tests/fakes/recording_rig.h"
#include "virtio_user/base/log.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/device/device.h"
#include "virtio_user/net/buffer_pool.h"
#include "virtio_user/net/net_queue.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/memory_table.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

using virtio_user::MacAddress;

namespace {

// A power of two or a number beside it, half of the time.
int64_t NumberNearLimits(Reader& input) {
  const uint16_t word = input.Word();
  if ((word & 0x8000) == 0) return word;
  const int64_t power = int64_t{1} << (word & 31);
  return power + (word >> 5) % 3 - 1;
}

// What an embedder says of a ring, when and where it must not.
void CheckRings(Reader& input, testing_support::RecordingRig& rig) {
  virtio_user::Device& device = *rig.device;
  const auto index = static_cast<uint16_t>(NumberNearLimits(input));
  virtio_user::RingLayout layout;
  layout.num = static_cast<uint16_t>(NumberNearLimits(input));
  const auto given = device.ConfigureRing(index, layout);
  const auto control = device.ConfigureControlRing(layout);
  Expect(!given && !control, "ring", "taken before features are negotiated");
  for (const auto* const error : {&given.error(), &control.error()}) {
    Expect(!error->text().empty() && !ToString(error->code()).empty(), "ring",
           "no reason");
  }
  Expect(device.control_queue_index() == 2 * device.max_pairs(), "ring",
         "the control queue is not behind the pairs");
  Expect((device.config_status() & ~3) == 0, "status", "a bit that is none");
  (void)device.PollFd();
  (void)device.NewsFd();
}

using virtio_user::MemoryRegion;
using virtio_user::MemoryTable;

// Begin and end of a region in each of its four spaces.
using Stretches =
    std::array<std::pair<unsigned __int128, unsigned __int128>, 4>;
Stretches StretchesOf(const MemoryRegion& region) {
  Stretches all;
  const uint64_t begins[] = {reinterpret_cast<uintptr_t>(region.host.data()),
                             region.published, region.iova, region.offset};
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = {begins[i],
              static_cast<unsigned __int128>(begins[i]) + region.host.size()};
  }
  return all;
}

bool MayBeAdded(const MemoryTable& table, const MemoryRegion& region) {
  // Where a region ends is an address, too.
  constexpr uint64_t kLast = ~uint64_t{0};
  if (region.host.empty() || region.fd < 0) return false;
  const Stretches mine = StretchesOf(region);
  for (const auto& [begin, end] : mine) {
    if (end > kLast) return false;
  }
  for (const MemoryRegion& other : table.regions()) {
    const Stretches theirs = StretchesOf(other);
    // One file may be mapped twice.
    for (size_t i = 0; i < 3; ++i) {
      if (mine[i].first < theirs[i].second &&
          theirs[i].first < mine[i].second) {
        return false;
      }
    }
  }
  return true;
}

size_t BytesIn(const MemoryTable& table) {
  size_t bytes = 0;
  for (const MemoryRegion& region : table.regions()) {
    bytes += region.host.size();
  }
  return bytes;
}

constexpr size_t kHostBytes = 4096;

std::span<std::byte> PartOfHost(Reader& input) {
  alignas(64) static std::array<std::byte, kHostBytes> host;
  const size_t begin = input.Word() % host.size();
  return std::span(host).subspan(begin,
                                 input.Word() % (host.size() - begin + 1));
}

void CheckTranslation(const MemoryTable& table, std::span<std::byte> part,
                      virtio_user::AddressSpace space) {
  const auto device = table.ToDevice(part.data(), part.size(), space);
  size_t inside = 0;
  for (const MemoryRegion& region : table.regions()) {
    inside +=
        region.host.data() <= part.data() &&
        part.data() + part.size() <= region.host.data() + region.host.size();
  }
  if (!device) {
    return Expect(inside == 0 && !device.error().text().empty(), "table",
                  "memory that is shared is not found");
  }
  Expect(inside != 0, "table", "memory that is not shared is found");
  const auto back = table.ToHost(*device, part.size(), space);
  Expect(back && back->size() == part.size() &&
             (part.empty() || back->data() == part.data()),
         "table", "another way back");
}

// The way back from any address, near a region or not.
void CheckHost(const MemoryTable& table, uint64_t addr, uint64_t bytes,
               virtio_user::AddressSpace space) {
  const size_t of_space = space == virtio_user::AddressSpace::kIova ? 2 : 1;
  const auto found = table.ToHost({addr}, bytes, space);
  bool inside = false;
  bool right = false;
  for (const MemoryRegion& region : table.regions()) {
    const auto [begin, end] = StretchesOf(region)[of_space];
    if (addr < begin || static_cast<unsigned __int128>(addr) + bytes > end) {
      continue;
    }
    inside = true;
    right = right || (found && found->size() == bytes &&
                      found->data() == region.host.data() +
                                           static_cast<size_t>(addr - begin));
  }
  Expect(found || !found.error().text().empty(), "table", "no reason");
  Expect(found.has_value() == inside, "table",
         inside ? "memory that is shared is not found"
                : "memory that is not shared is found");
  Expect(right || !inside, "table", "other memory than has this address");
}

// Regions that an embedder shares, with any addresses.
void CheckTable(Reader& input) {
  using virtio_user::AddressSpace;
  MemoryTable table;
  for (int i = 0; i < 4 && !input.empty(); ++i) {
    const auto address = [&] {
      return (input.Byte() & 1) != 0
                 ? input.Number(8)
                 : static_cast<uint64_t>(NumberNearLimits(input));
    };
    MemoryRegion region{.host = PartOfHost(input)};
    region.published = address();
    region.iova = address();
    region.offset = address();
    region.fd = input.Byte() % 8 == 0 ? -1 : 3;
    const bool may = MayBeAdded(table, region);
    const auto added = table.Add(region);
    Expect(added.has_value() == may, "table", "a rule for regions is broken");
    Expect(may || !added.error().text().empty(), "table", "no reason");
  }
  const auto part = PartOfHost(input);
  CheckTranslation(table, part, AddressSpace::kPublished);
  CheckTranslation(table, part, AddressSpace::kIova);
  const uint64_t wild = input.Number(8);
  CheckHost(table, wild, input.Number(8), AddressSpace::kPublished);
  const MemoryTable rest = table.Without(part);
  Expect(!rest.Touches(part), "table", "what was taken out is still there");
  Expect(BytesIn(rest) <= BytesIn(table) &&
             BytesIn(table) - BytesIn(rest) <= part.size(),
         "table", "more was taken out");
  for (const MemoryRegion& region : table.regions()) {
    // From in front of its begin or its end on.
    const uint64_t front = input.Byte() % 4;
    const uint64_t bytes = input.Byte() % 8;
    for (const uint64_t at : {uint64_t{0}, uint64_t{region.host.size()}}) {
      CheckHost(table, region.published + at - front, bytes,
                AddressSpace::kPublished);
      CheckHost(table, region.iova + at - front, bytes, AddressSpace::kIova);
    }
  }
}

// What no data path here carries, whatever else is there: virtio's "Feature
// bits". Frames that an Offload has no word for, another header, another kick.
struct NotCarried {
  unsigned bit = 0;
  std::string_view name;
};
constexpr NotCarried kNotCarried[] = {
    {10, "VIRTIO_NET_F_GUEST_UFO"},
    {29, "VIRTIO_F_EVENT_IDX"},
    {38, "VIRTIO_F_NOTIFICATION_DATA"},
    {51, "VIRTIO_NET_F_HASH_TUNNEL"},
    {65, "VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO"},
    {67, "VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO"},
    {69, "VIRTIO_NET_F_OUT_NET_HEADER"},
    {70, "VIRTIO_NET_F_IPSEC"},
};

// A sound ring of either kind: it is taken for features that can be carried
// and that are of its kind, and for no others.
void CheckCarried(Reader& input, virtio_user::FeatureSet features) {
  using virtio_user::RingFormat;
  using virtio_user::RingLayout;
  constexpr unsigned kPacked = 34;
  constexpr uint16_t kSize = 8;
  alignas(RingLayout::kAlign) static std::array<std::byte, 1024> memory;
  const uint8_t how = input.Byte();
  // Half of the time few features, so that one alone can be in the way.
  if ((how & 1) == 0) features = {};
  if ((how & 2) != 0) features.Add(virtio_user::Feature::kRingPacked);
  const uint8_t one = input.Byte();
  if (one != 0) features.Add(static_cast<virtio_user::Feature>(one % 128));
  const bool packed = (how & 4) != 0;
  virtio_user::VringState vring;
  const auto layout = RingLayout::PlaceIn(
      memory, packed ? RingFormat::kPacked : RingFormat::kSplit, kSize);
  Expect(layout.has_value(), "ring", "it has room, and is refused");
  vring.ring.layout = *layout;
  const auto taken = virtio_user::CheckNetQueue(vring, features);
  bool named = false;
  bool carried = true;
  for (const auto& [bit, name] : kNotCarried) {
    if (!features.HasBit(bit)) continue;
    carried = false;
    named = named || (!taken && taken.error().text().ends_with(name));
  }
  const bool same_kind = features.HasBit(kPacked) == packed;
  Expect(taken.has_value() == (carried && same_kind), "queue",
         taken ? "features that nobody carries" : taken.error().text());
  if (taken) return;
  const auto code = taken.error().code();
  Expect(!same_kind ? code == virtio_user::ErrorCode::kInvalidArgument
                    : code == virtio_user::ErrorCode::kUnsupported && named,
         "queue", taken.error().text());
}

// Packet buffers of any size, in memory that may be too small for one, and a
// ring of another kind than was negotiated.
void CheckBuffers(Reader& input) {
  virtio_user::BufferPoolOptions options{.memory = PartOfHost(input),
                                         .memory_addr = {input.Number(8)}};
  options.buffer_bytes = static_cast<uint32_t>(NumberNearLimits(input));
  const auto pool = virtio_user::BufferPool::Create(options);
  const size_t bytes = options.buffer_bytes;
  const bool possible =
      bytes >= 128 && bytes <= 65536 && bytes % 64 == 0 &&
      reinterpret_cast<uintptr_t>(options.memory.data()) % 64 == 0 &&
      options.memory.size() >= bytes;
  Expect(pool.has_value() == possible, "pool", "a rule for buffers is broken");
  Expect(!pool || pool->size() == options.memory.size() / bytes, "pool",
         "another count of buffers");
  Expect(pool || !pool.error().text().empty(), "pool", "no reason");

  virtio_user::VringState vring;
  vring.ring.layout.num = input.Byte() % 2;
  vring.ring.layout.desc =
      input.Byte() % 2 == 0 ? nullptr : options.memory.data();
  const virtio_user::FeatureSet features = FeaturesFrom(input);
  // No ring, or one without all of its areas.
  const auto path = virtio_user::CheckNetQueue(vring, features);
  Expect(!path && !path.error().text().empty(), "queue",
         "it has not all of its areas, or there is no reason");
  const std::string text = virtio_user::DescribePath(features);
  Expect(text.starts_with(virtio_user::SelectPath(features).name) &&
             text.ends_with(" bytes"),
         "path", text);
  CheckCarried(input, features);
}

// A line for an embedder's log, of any length, cut as is promised.
void CheckLog(Reader& input) {
  static std::string heard;
  const std::string text(input.Number(2) % 1000, 'x');
  virtio_user::SetLogSink(
      [](virtio_user::LogLevel, std::string_view line) { heard = line; });
  virtio_user::Log(virtio_user::LogLevel::kInfo, "%s", text.c_str());
  virtio_user::SetLogSink(nullptr);
  Expect(heard == text.substr(0, 399), "log", "another text");
  const auto operation =
      static_cast<virtio_user::BackendOperation>(input.Byte() % 25);
  Expect(ToString(operation) != "unknown", "name", "an operation without one");
}

void CheckSharedMemory(Reader& input) {
  switch (input.Byte() % 3) {
    case 0:
      return CheckTable(input);
    case 1:
      return CheckBuffers(input);
    default:
      return CheckLog(input);
  }
}

}  // namespace

void CheckDeviceOptions(Reader& input) {
  virtio_user::DeviceOptions options;
  const uint8_t what = input.Byte();
  if ((what & 128) != 0) return CheckSharedMemory(input);
  options.control_queue = (what & 1) != 0;
  options.mrg_rxbuf = (what & 2) != 0;
  options.in_order = (what & 4) != 0;
  options.packed = (what & 8) != 0;
  const auto number = [&] {
    return (what & 16) != 0 ? static_cast<int64_t>(input.Number(8))
                            : NumberNearLimits(input);
  };
  options.queue_pairs = number();
  options.queue_size = number();
  if ((what & 32) != 0) options.mtu = number();
  if ((what & 64) != 0) {
    MacAddress mac;
    for (uint8_t& byte : mac.bytes) byte = input.Byte();
    options.mac = mac;
  }
  static const auto kMappings = std::make_shared<backend_sim::MappingPool>();
  testing_support::RecordingRig rig(
      {.initial_regions = 1, .region_bytes = 1 << 20, .mappings = kMappings});
  ChooseBackend(input, rig);
  const DeviceOracle oracle(options, *rig.backend);
  const auto made = rig.Create(options);
  Expect(made || !made.error().text().empty(), "device", "no reason");
  Expect(!made || oracle.possible(), "device", "an option is out of its range");
  Expect(made || !oracle.possible(), "device", made ? "" : made.error().text());
  if (made) {
    Expect(rig.device->offered() == oracle.offered(), "device",
           "offered is not what it has to be");
    CheckRings(input, rig);
    // Split rings that the memory has room for.
    const int64_t size = options.queue_size;
    if (size <= 256 && (size & (size - 1)) == 0) {
      CheckCalls(input, rig, oracle);
    }
  }
  rig.device.reset();
  rig.driver.reset();
  Expect(rig.device_fds() == 0, "device", "descriptors are left");
}

}  // namespace fuzz
