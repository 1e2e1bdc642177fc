// SPDX-License-Identifier: BSD-3-Clause

#include "cli/capture.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

namespace virtio_user::cli {
namespace {

constexpr int64_t kNanosecondsInMicrosecond = 1000;
constexpr int64_t kNanosecondsInSecond = 1'000'000'000;

// Whole seconds in what should be a fraction of one, as broken files have it;
// of less than nothing the next lower ones.
int64_t SecondsIn(int64_t nanoseconds) {
  const int64_t whole = nanoseconds / kNanosecondsInSecond;
  return nanoseconds % kNanosecondsInSecond < 0 ? whole - 1 : whole;
}

struct PcapClose {
  void operator()(pcap_t* pcap) const { pcap_close(pcap); }
};
using Pcap = std::unique_ptr<pcap_t, PcapClose>;

std::unexpected<std::string> CannotRead() {
  return std::unexpected(
      fmt::format("cannot read it: {}", std::strerror(errno)));
}

// Takes over `file`.
std::expected<Pcap, std::string> Open(FILE* file) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  Pcap pcap(pcap_fopen_offline_with_tstamp_precision(
      file, PCAP_TSTAMP_PRECISION_NANO, error.data()));
  if (pcap) return pcap;  // The file is its own now.
  std::fclose(file);
  return std::unexpected(fmt::format("no capture: {}", error.data()));
}

std::string LinkTypeName(int type) {
  const char* const name = pcap_datalink_val_to_name(type);
  return name == nullptr ? fmt::format("{}", type) : name;
}

}  // namespace

std::expected<Capture, std::string> Capture::Read(const std::string& path) {
  // Others, such as a FIFO that nobody writes to, could make us wait for ever.
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) &&
      !std::filesystem::is_regular_file(status)) {
    return std::unexpected("no regular file; name one");
  }
  FILE* const file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return CannotRead();
  return FromStream(file);
}

std::expected<Capture, std::string> Capture::FromBytes(
    std::span<const std::byte> bytes) {
  // What is opened for reading is not written to. It does not take 0 bytes.
  if (bytes.empty()) return std::unexpected("no capture: it is empty");
  FILE* const file =
      ::fmemopen(const_cast<std::byte*>(bytes.data()), bytes.size(), "rb");
  if (file == nullptr) return CannotRead();
  return FromStream(file);
}

std::expected<Capture, std::string> Capture::FromStream(std::FILE* file) {
  const auto pcap = Open(file);
  if (!pcap) return std::unexpected(pcap.error());
  Capture capture;
  capture.link_type_ = pcap_datalink(pcap->get());
  capture.snapshot_bytes_ = pcap_snapshot(pcap->get());
  if (capture.link_type_ != DLT_EN10MB) {
    return std::unexpected(
        fmt::format("its packets are {}; only Ethernet frames can be sent",
                    LinkTypeName(capture.link_type_)));
  }
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  int outcome = 0;
  while ((outcome = pcap_next_ex(pcap->get(), &header, &data)) == 1) {
    const std::byte* const bytes = reinterpret_cast<const std::byte*>(data);
    const int64_t carried = SecondsIn(header->ts.tv_usec);
    capture.packets_.push_back(
        {.begin = capture.bytes_.size(),
         .bytes = header->caplen,
         .original_bytes = header->len,
         .seconds = header->ts.tv_sec + carried,
         .nanoseconds = header->ts.tv_usec - carried * kNanosecondsInSecond});
    capture.bytes_.insert(capture.bytes_.end(), bytes, bytes + header->caplen);
    if (header->caplen != 0) continue;
    return std::unexpected(
        fmt::format("packet {} has no bytes", capture.size()));
  }
  if (outcome != PCAP_ERROR_BREAK) {
    return std::unexpected(fmt::format("after {} packets: {}", capture.size(),
                                       pcap_geterr(pcap->get())));
  }
  if (capture.size() == 0) return std::unexpected("no packet is in it");
  return capture;
}

std::span<const std::byte> Capture::Bytes(size_t index) const {
  const Packet& packet = packets_[index];
  return std::span(bytes_).subspan(packet.begin, packet.bytes);
}

size_t Capture::truncated_count() const {
  return static_cast<size_t>(std::ranges::count_if(
      packets_, [](const Packet& p) { return p.bytes < p.original_bytes; }));
}

size_t Capture::max_bytes() const {
  return std::ranges::max_element(packets_, {}, &Packet::bytes)->bytes;
}

std::string Capture::FileOf(std::span<const size_t> indexes) const {
  const bool whole_microseconds =
      std::ranges::all_of(packets_, [](const Packet& p) {
        return p.nanoseconds % kNanosecondsInMicrosecond == 0;
      });
  const Pcap pcap(pcap_open_dead_with_tstamp_precision(
      link_type_, snapshot_bytes_,
      whole_microseconds ? PCAP_TSTAMP_PRECISION_MICRO
                         : PCAP_TSTAMP_PRECISION_NANO));
  char* text = nullptr;
  size_t size = 0;
  FILE* const file = open_memstream(&text, &size);
  pcap_dumper_t* const dumper = pcap_dump_fopen(pcap.get(), file);
  for (const size_t index : indexes) {
    const Packet& packet = packets_[index];
    pcap_pkthdr header{};
    header.ts.tv_sec = packet.seconds;
    header.ts.tv_usec = whole_microseconds
                            ? packet.nanoseconds / kNanosecondsInMicrosecond
                            : packet.nanoseconds;
    header.caplen = packet.bytes;
    header.len = packet.original_bytes;
    pcap_dump(reinterpret_cast<u_char*>(dumper), &header,
              reinterpret_cast<const u_char*>(Bytes(index).data()));
  }
  pcap_dump_close(dumper);
  std::string all(text, size);
  std::free(text);
  return all;
}

}  // namespace virtio_user::cli
