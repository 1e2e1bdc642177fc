// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated vDPA device's control virtqueue (virtio 1.4, "Control
// Virtqueue").

#include <algorithm>
#include <cstring>
#include <string>

#include "backend_sim/vdpa_device.h"

namespace backend_sim {
namespace {

using virtio_user::ChainToken;
using virtio_user::DescriptorChain;
using virtio_user::DeviceBuffer;
using virtio_user::ErrorCode;
using virtio_user::Result;

inline constexpr uint8_t kOk = 0;
inline constexpr uint8_t kError = 1;
inline constexpr size_t kMaxPairsOffset = 8;

// Class and command, the bit that gates them, and how long the data is.
struct Row {
  uint8_t ctrl_class;
  uint8_t command;
  unsigned gate;
  size_t bytes;  // At least, of those with tables.
  bool exact = true;
};
constexpr Row kRows[] = {
    {0, 0, 18, 1},         {0, 1, 18, 1},         {0, 2, 20, 1},
    {0, 3, 20, 1},         {0, 4, 20, 1},         {0, 5, 20, 1},
    {1, 0, 18, 8, false},  {1, 1, 23, 6},         {2, 0, 19, 2},
    {2, 1, 19, 2},         {3, 0, 21, 0},         {4, 0, 22, 2},
    {4, 1, 60, 13, false}, {4, 2, 57, 13, false}, {5, 0, 2, 8},
};

unsigned Number(std::byte byte) { return std::to_integer<unsigned>(byte); }

uint16_t Read16(std::span<const std::byte> bytes) {
  return static_cast<uint16_t>(Number(bytes[0]) | Number(bytes[1]) << 8);
}

}  // namespace

size_t VdpaDevice::ServeControl() {
  if (!control_ring_.started() || !control_ring_.kick().valid()) return 0;
  const Result<uint64_t> kicks = control_ring_.kick().Drain();
  if (!kicks || *kicks == 0) return 0;
  const auto resolve =
      [&](DeviceBuffer buffer) -> Result<std::span<std::byte>> {
    const auto found =
        control_memory_.FromGuest(buffer.addr.value, buffer.bytes);
    if (found) return *found;
    return virtio_user::Fail(ErrorCode::kProtocol, "outside of memory");
  };
  size_t served = 0;
  DescriptorChain chain;
  while (true) {
    const Result<bool> taken = control_ring_.queue()->Pop(resolve, chain);
    if (!taken || (*taken && chain.malformed)) {
      model_.Report({Rule::kRingContents, "the control queue"});
      return served;
    }
    if (!*taken) return served;
    ++served;
    ServeCommand(chain);
  }
}

void VdpaDevice::ServeCommand(const DescriptorChain& chain) {
  std::vector<std::byte> request;
  for (const DeviceBuffer& buffer : chain.readable) {
    const auto from =
        control_memory_.FromGuest(buffer.addr.value, buffer.bytes);
    if (!from) continue;
    request.insert(request.end(), from->begin(), from->end());
  }
  const bool has_ack =
      !chain.writable.empty() && chain.writable.front().bytes != 0;
  if (request.size() < 2 || !has_ack) {
    model_.Report({Rule::kRingContents, "a control command without an ack"});
    return;
  }
  if (personality_.control == VdpaControlMode::kSilent) return;
  const uint8_t ack = personality_.control == VdpaControlMode::kRefuses
                          ? kError
                          : Execute(request);
  std::string text = std::to_string(Number(request[0])) + " " +
                     std::to_string(Number(request[1]));
  for (const std::byte byte : std::span(request).subspan(2)) {
    text += " " + std::to_string(Number(byte));
  }
  commands_.push_back(text + " = " + std::to_string(ack));
  const auto to = control_memory_.FromGuest(chain.writable[0].addr.value, 1);
  if (to) to->front() = static_cast<std::byte>(ack);
  ChainToken token = chain.token;
  uint32_t bytes = 1;
  if (personality_.control == VdpaControlMode::kWrongId) ++token.id;
  if (personality_.control == VdpaControlMode::kWrongBytes) bytes = 64;
  if (personality_.control == VdpaControlMode::kWritesNothing) bytes = 0;
  control_ring_.queue()->Push(token, bytes);
}

uint8_t VdpaDevice::Execute(std::span<const std::byte> request) {
  const auto row = std::ranges::find_if(kRows, [&](const Row& r) {
    return r.ctrl_class == Number(request[0]) &&
           r.command == Number(request[1]);
  });
  if (row == std::end(kRows) || !Has(row->gate)) return kError;
  const auto data = request.subspan(2);
  if (row->exact ? data.size() != row->bytes : data.size() < row->bytes) {
    return kError;
  }
  if (row->gate == 23) {
    std::ranges::copy(data, personality_.config.begin());
  } else if (row->gate == 21) {
    personality_.config[6] &= ~std::byte{2};
  } else if (row->gate == kBitMq) {
    const uint16_t pairs = Read16(data);
    const uint16_t most =
        Read16(std::span(personality_.config).subspan(kMaxPairsOffset));
    if (pairs == 0 || pairs > most) return kError;
    active_pairs_ = pairs;
    ApplyPairs();
  }
  return kOk;
}

// "After reset, only the first pair is used", once there is a command for it.
void VdpaDevice::ApplyPairs() {
  for (RingModel& ring : model_.rings()) {
    if (ring.started()) ring.SetEnabled(ring.index() / 2u < active_pairs_);
  }
}

}  // namespace backend_sim
