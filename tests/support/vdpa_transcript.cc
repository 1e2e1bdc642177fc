// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/vdpa_transcript.h"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "virtio_user/os/vdpa_requests.h"

namespace testing_support {
namespace {

using namespace virtio_user;  // Of its many requests.

[[gnu::format(printf, 1, 2)]] std::string Print(const char* format, ...) {
  char text[160];
  std::va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof(text), format, args);
  va_end(args);
  return text;
}

template <typename T>
T ReadAs(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof(value));
  return value;
}

std::string State(const void* argument) {
  const auto state = ReadAs<VdpaVringState>(argument);
  return Print(" %u %u", state.index, state.num);
}

std::string Fd(const void* argument) {
  const auto file = ReadAs<VdpaVringFile>(argument);
  return Print(" %u %s", file.index, file.fd < 0 ? "none" : "event");
}

std::string Addr(const void* argument) {
  const auto addr = ReadAs<VdpaVringAddr>(argument);
  return Print(" %u desc 0x%" PRIx64 " avail 0x%" PRIx64 " used 0x%" PRIx64,
               addr.index, addr.desc, addr.avail, addr.used);
}

std::string Config(const void* argument) {
  const auto head = ReadAs<VdpaConfigHead>(argument);
  return Print(" %u+%u", head.offset, head.bytes);
}

std::string Word(const void* argument) {
  return Print(" 0x%" PRIx64, ReadAs<uint64_t>(argument));
}

std::string Status(const void* argument) {
  return Print(" 0x%02x", ReadAs<uint8_t>(argument));
}

// What a request says, before it is carried out or after.
struct Row {
  const VdpaRequest& request;
  std::string (*said)(const void* argument);
  std::string (*answered)(const void* argument);
};

std::string Range(const void* argument) {
  const auto range = ReadAs<VdpaIovaRange>(argument);
  return Print(" 0x%" PRIx64 "-0x%" PRIx64, range.first, range.last);
}
std::string Number(const void* argument) {
  return Print(" %u", ReadAs<uint32_t>(argument));
}
std::string ShortNumber(const void* argument) {
  return Print(" %u", ReadAs<uint16_t>(argument));
}

const Row kRows[] = {
    {kVhostGetFeatures, nullptr, Word},
    {kVhostSetFeatures, Word, nullptr},
    {kVhostSetVringNum, State, nullptr},
    {kVhostSetVringAddr, Addr, nullptr},
    {kVhostSetVringBase, State, nullptr},
    {kVhostGetVringBase, nullptr, State},
    {kVhostSetVringKick, Fd, nullptr},
    {kVhostSetVringCall, Fd, nullptr},
    {kVhostSetBackendFeatures, Word, nullptr},
    {kVhostGetBackendFeatures, nullptr, Word},
    {kVdpaGetDeviceId, nullptr, Number},
    {kVdpaGetStatus, nullptr, Status},
    {kVdpaSetStatus, Status, nullptr},
    {kVdpaGetConfig, Config, nullptr},
    {kVdpaSetConfig, Config, nullptr},
    {kVdpaSetVringEnable, State, nullptr},
    {kVdpaGetVringNum, nullptr, ShortNumber},
    {kVdpaGetIovaRange, nullptr, Range},
    {kVdpaGetConfigSize, nullptr, Number},
    {kVdpaGetAsNum, nullptr, Number},
    {kVdpaGetVringGroup, nullptr, State},
    {kVdpaSetGroupAsid, State, nullptr},
};

std::string NameOf(unsigned long number) {
  for (const VdpaRequest& request : kVdpaRequests) {
    if (request.number == number) return request.name;
  }
  return Print("ioctl 0x%lx", number);
}

std::string Message(std::span<const std::byte> from) {
  if (from.size() != sizeof(VdpaIotlbMessage)) return "write";
  const auto message = ReadAs<VdpaIotlbMessage>(from.data());
  const std::string asid =
      message.asid == 0 ? "" : Print(" asid %u", message.asid);
  switch (message.kind) {
    case kIotlbBatchBegin:
      return "IOTLB BATCH_BEGIN" + asid;
    case kIotlbBatchEnd:
      return "IOTLB BATCH_END" + asid;
    case kIotlbUpdate:
      return Print("IOTLB UPDATE%s 0x%" PRIx64 "+0x%" PRIx64, asid.c_str(),
                   message.iova, message.size);
    case kIotlbInvalidate:
      return Print("IOTLB INVALIDATE%s 0x%" PRIx64 "+0x%" PRIx64, asid.c_str(),
                   message.iova, message.size);
  }
  return "IOTLB ?";
}

}  // namespace

void VdpaTranscript::Add(std::string line, int answer) {
  const char* const name = answer < 0 ? strerrorname_np(-answer) : nullptr;
  line += name != nullptr ? std::string(" = ") + name : Print(" = %d", answer);
  if (lines_.empty() || lines_.back() != line) lines_.push_back(line);
}

int VdpaTranscript::Open(const std::string& path) {
  const int fd = calls_.Open(path);
  Add("open " + path, std::min(fd, 0));
  return fd;
}

int VdpaTranscript::Ioctl(int fd, unsigned long request, void* argument) {
  if (before_call) before_call();
  std::string line = NameOf(request);
  const auto row = std::ranges::find_if(
      kRows, [&](const Row& r) { return r.request.number == request; });
  const bool known = row != std::end(kRows) && argument != nullptr;
  if (known && row->said != nullptr) line += row->said(argument);
  const int answer = calls_.Ioctl(fd, request, argument);
  if (known && row->answered != nullptr && answer == 0) {
    line += row->answered(argument);
  }
  Add(std::move(line), answer);
  return answer;
}

int VdpaTranscript::IoctlNumber(int fd, unsigned long request,
                                unsigned long number) {
  const int answer = calls_.IoctlNumber(fd, request, number);
  Add(Print("%s %lu", NameOf(request).c_str(), number), answer);
  return answer;
}

int VdpaTranscript::Read(int fd, std::span<std::byte> into) {
  const int answer = calls_.Read(fd, into);
  Add("read", answer);
  return answer;
}

int VdpaTranscript::Write(int fd, std::span<const std::byte> from) {
  if (before_call) before_call();
  const int answer = calls_.Write(fd, from);
  Add(Message(from), std::min(answer, 0));
  return answer;
}

int VdpaTranscript::Poll(int fd, KernelEvent event, Deadline deadline) {
  return calls_.Poll(fd, event, deadline);
}

void VdpaTranscript::Sleep(Deadline deadline) { calls_.Sleep(deadline); }

}  // namespace testing_support
