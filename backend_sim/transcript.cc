// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/transcript.h"

#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/violation.h"
#include "backend_sim/wire.h"
#include "virtio_user/spec/feature.h"

namespace backend_sim {
namespace {

struct BitName {
  unsigned bit;
  std::string_view name;
};

constexpr std::array kProtocolNames{
    BitName{0, "MQ"},
    BitName{1, "LOG_SHMFD"},
    BitName{2, "RARP"},
    BitName{3, "REPLY_ACK"},
    BitName{4, "NET_MTU"},
    BitName{5, "BACKEND_REQ"},
    BitName{6, "CROSS_ENDIAN"},
    BitName{7, "CRYPTO_SESSION"},
    BitName{8, "PAGEFAULT"},
    BitName{9, "CONFIG"},
    BitName{10, "BACKEND_SEND_FD"},
    BitName{11, "HOST_NOTIFIER"},
    BitName{12, "INFLIGHT_SHMFD"},
    BitName{13, "RESET_DEVICE"},
    BitName{14, "INBAND_NOTIFICATIONS"},
    BitName{15, "CONFIGURE_MEM_SLOTS"},
    BitName{16, "STATUS"},
};
constexpr std::array kStatusNames{
    BitName{0, "ACKNOWLEDGE"}, BitName{1, "DRIVER"},
    BitName{2, "DRIVER_OK"},   BitName{3, "FEATURES_OK"},
    BitName{6, "NEEDS_RESET"}, BitName{7, "FAILED"},
};

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string NameOf(unsigned bit, FieldStyle style) {
  if (style == FieldStyle::kFeatures) {
    std::string_view name = virtio_user::FeatureName(bit);
    for (const std::string_view prefix :
         {"VIRTIO_NET_F_", "VIRTIO_F_", "VHOST_USER_F_", "VHOST_F_"}) {
      if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    }
    return std::string(name == "bit" ? "" : name);
  }
  const std::span<const BitName> names =
      style == FieldStyle::kStatus ? std::span<const BitName>(kStatusNames)
                                   : std::span<const BitName>(kProtocolNames);
  for (const BitName& known : names) {
    if (known.bit == bit) return std::string(known.name);
  }
  return "";
}

// "0x9 (MQ REPLY_ACK)"
std::string Bits(uint64_t value, FieldStyle style) {
  std::string text = Hex(value);
  std::string names;
  for (uint64_t left = value; left != 0; left &= left - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(left));
    const std::string name = NameOf(bit, style);
    if (!names.empty()) names += ' ';
    names += name.empty() ? "bit" + std::to_string(bit) : name;
  }
  return names.empty() ? text : text + " (" + names + ")";
}

std::string FieldText(const WireField& field, uint64_t value) {
  const std::string start = std::string(field.name) + "=";
  switch (field.style) {
    case FieldStyle::kDecimal:
      return start + std::to_string(value);
    case FieldStyle::kHex:
      return start + Hex(value);
    case FieldStyle::kFeatures:
    case FieldStyle::kProtocolFeatures:
    case FieldStyle::kStatus:
      return start + Bits(value, field.style);
    case FieldStyle::kRingFd:
      return start + std::to_string(value & kRingFdIndex) +
             ((value & kRingFdMissing) != 0 ? " without fd" : "");
  }
  return start;
}

std::string PayloadText(Layout layout, std::span<const std::byte> payload) {
  if (!SizeFits(layout, payload)) {
    return " " + std::to_string(payload.size()) + " bytes?";
  }
  std::string text;
  for (const WireField& field : FieldsOf(layout)) {
    text += " " + FieldText(field, Get(payload, field));
  }
  if (layout != Layout::kMemTable) return text;
  for (size_t at = kTableFirstRegion; at < payload.size(); at += kRegionBytes) {
    const auto region = payload.subspan(at, kRegionBytes);
    text += " [guest " + Hex(Get(region, kRegionGuest)) + " user " +
            Hex(Get(region, kRegionUser)) + " size " +
            Hex(Get(region, kRegionSize)) + " offset " +
            Hex(Get(region, kRegionOffset)) + "]";
  }
  return text;
}

std::string MessageText(const TraceRecord& record,
                        std::span<const std::byte> payload) {
  const auto request = static_cast<uint32_t>(record.words[0]);
  const uint64_t flags = record.words[1];
  const bool is_answer =
      record.detail == static_cast<uint8_t>(Direction::kToFrontend);
  const RequestRule* const rule = FindRequest(request);
  std::string text = is_answer ? "<- " : "-> ";
  text += RequestName(request);
  if (rule == nullptr) text += " " + std::to_string(request);
  if (is_answer && (rule == nullptr || !rule->has_answer)) {
    text += " ack" + PayloadText(Layout::kU64, payload);
  } else if (rule != nullptr) {
    text += PayloadText(is_answer ? rule->answer : rule->payload, payload);
  }
  if (const uint64_t fds = record.words[2]; fds != 0) {
    text += ", " + std::to_string(fds) + (fds == 1 ? " fd" : " fds");
  }
  if (!is_answer && (flags & kWireNeedReply) != 0) text += ", need_reply";
  const uint64_t plain = is_answer ? kWireAnswerFlags : kWireVersion;
  if ((flags & ~uint64_t{kWireNeedReply}) != plain) {
    text += ", flags=" + Hex(flags);
  }
  return text;
}

std::string RingName(const TraceRecord& record) {
  return "ring " + std::to_string(record.ring);
}

std::string MemoryText(const TraceRecord& record) {
  static constexpr std::array kChanges{
      "region added", "region removing", "external memory added",
      "external memory removing", "unknown memory"};
  return "   " + std::string(kChanges[record.detail % kChanges.size()]) + ": " +
         Hex(record.words[0]) + ", " + std::to_string(record.words[1]) +
         " bytes";
}

std::string PacketText(const TraceRecord& record) {
  const std::string words = std::to_string(record.words[0]);
  switch (record.kind) {
    case TraceKind::kKick:
      return "   " + RingName(record) + ": kicked " + words + " times";
    case TraceKind::kCall:
      return "   " + RingName(record) + ": interrupt";
    case TraceKind::kPacketIn:
      return "   " + RingName(record) + ": took " +
             std::to_string(record.size) + " bytes";
    default:
      return "   " + RingName(record) + ": gave " +
             std::to_string(record.size) + " bytes in " +
             std::to_string(record.words[1]) + " chains";
  }
}

std::string EventText(const TraceRecord& record) {
  switch (record.kind) {
    case TraceKind::kAttach:
      return "   connected";
    case TraceKind::kClose:
      return record.detail == static_cast<uint8_t>(Closer::kFrontend)
                 ? "   closed by the front-end"
                 : "   closed by the back-end";
    case TraceKind::kViolation:
      return "   violation: " +
             std::string(ClauseOf(static_cast<Rule>(record.detail)));
    case TraceKind::kFault:
      return "   fault: " +
             std::string(FaultName(static_cast<FaultKind>(record.detail))) +
             " " + std::to_string(record.words[1]);
    case TraceKind::kMemory:
      return MemoryText(record);
    case TraceKind::kNote:
      return "   note " + Hex(record.words[0]);
    case TraceKind::kAged:
      return "   " + RingName(record) + ": " + std::to_string(record.words[0]) +
             " frames, of which " + std::to_string(record.words[1]) +
             " came back, each like those that are shown";
    case TraceKind::kRingStart:
      return "   " + RingName(record) + ": starts, size " +
             std::to_string(record.words[0]) + ", base " +
             std::to_string(record.words[1]);
    case TraceKind::kRingStop:
      return "   " + RingName(record) + ": stops, base " +
             std::to_string(record.words[0]);
    case TraceKind::kRingBroken:
      return "   " + RingName(record) + ": broken";
    default:
      return PacketText(record);
  }
}

bool IsPacket(TraceKind kind) {
  return kind == TraceKind::kKick || kind == TraceKind::kCall ||
         kind == TraceKind::kPacketIn || kind == TraceKind::kPacketOut;
}

// The payload that the records from `at` on carry.
std::vector<std::byte> Collect(std::span<const TraceRecord> records) {
  std::vector<std::byte> payload;
  for (const TraceRecord& record : records) {
    if (record.kind != TraceKind::kPayload) break;
    std::array<std::byte, sizeof(record.words)> bytes;
    std::memcpy(bytes.data(), record.words.data(), bytes.size());
    payload.insert(payload.end(), bytes.begin(), bytes.begin() + record.size);
  }
  return payload;
}

}  // namespace

std::string Transcript(std::span<const TraceRecord> records,
                       const TranscriptOptions& options) {
  std::string text;
  for (size_t i = 0; i < records.size(); ++i) {
    const TraceRecord& record = records[i];
    if (record.kind == TraceKind::kPayload) continue;
    if (record.kind == TraceKind::kMessage) {
      if (!options.messages) continue;
      text += MessageText(record, Collect(records.subspan(i + 1)));
    } else if (IsPacket(record.kind) ? options.packets : options.rings) {
      text += EventText(record);
    } else {
      continue;
    }
    text += '\n';
  }
  return text;
}

}  // namespace backend_sim
