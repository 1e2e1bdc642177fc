// SPDX-License-Identifier: BSD-3-Clause
//
// Captures in each form that libpcap reads, and broken ones.

#include <bit>
#include <cstdint>

#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

namespace {

constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr uint32_t kNanoseconds = 0xa1b23c4d;
constexpr uint32_t kModified = 0xa1b2cd34;
constexpr uint32_t kEthernet = 1;
constexpr uint32_t kRawIp = 101;
constexpr uint32_t kSnapshotBytes = 262144;

enum class Order : uint8_t { kLittle, kBig };

void Put(Bytes& to, uint64_t number, size_t count, Order order) {
  if (order == Order::kBig) {
    number = std::byteswap(number) >> (64 - 8 * count);
  }
  Append(to, number, count);
}

Bytes Frame(size_t bytes) {
  Bytes frame;
  for (size_t i = 0; i < bytes; ++i) Append(frame, i * 7 & 0xff, 1);
  return frame;
}

struct Form {
  uint32_t magic = kMicroseconds;
  Order order = Order::kLittle;
  uint32_t link_type = kEthernet;
  uint32_t fraction = 123'456;  // Of a second, of each packet.
};

Bytes FileHeader(const Form& form) {
  Bytes file;
  Put(file, form.magic, 4, form.order);
  Put(file, 2, 2, form.order);
  Put(file, 4, 2, form.order);
  Put(file, 0, 4, form.order);
  Put(file, 0, 4, form.order);
  Put(file, kSnapshotBytes, 4, form.order);
  Put(file, form.link_type, 4, form.order);
  return file;
}

void AddPacket(Bytes& file, const Form& form, size_t bytes, size_t original) {
  Put(file, 1'700'000'000, 4, form.order);
  Put(file, form.fraction, 4, form.order);
  Put(file, bytes, 4, form.order);
  Put(file, original, 4, form.order);
  const Bytes frame = Frame(bytes);
  file.insert(file.end(), frame.begin(), frame.end());
}

Bytes Pcap(const Form& form) {
  Bytes file = FileHeader(form);
  AddPacket(file, form, 60, 60);
  AddPacket(file, form, 64, 1514);
  return file;
}

void AddBlock(Bytes& file, uint32_t type, const Bytes& body) {
  const size_t padded = (body.size() + 3) & ~size_t{3};
  Append(file, type, 4);
  Append(file, padded + 12, 4);
  file.insert(file.end(), body.begin(), body.end());
  file.resize(file.size() + padded - body.size());
  Append(file, padded + 12, 4);
}

// Section, interface, an enhanced and a simple packet.
Bytes PcapNg() {
  Bytes file;
  Bytes section;
  Append(section, 0x1a2b3c4d, 4);
  Append(section, 1, 2);
  Append(section, 0, 2);
  Append(section, ~uint64_t{0}, 8);
  AddBlock(file, 0x0a0d0d0a, section);
  Bytes interface;
  Append(interface, kEthernet, 2);
  Append(interface, 0, 2);
  Append(interface, kSnapshotBytes, 4);
  AddBlock(file, 1, interface);
  Bytes enhanced;
  for (const uint32_t word : {0u, 1u, 2u, 61u, 61u}) Append(enhanced, word, 4);
  const Bytes frame = Frame(61);
  enhanced.insert(enhanced.end(), frame.begin(), frame.end());
  AddBlock(file, 6, enhanced);
  Bytes simple;
  Append(simple, 61, 4);
  simple.insert(simple.end(), frame.begin(), frame.end());
  AddBlock(file, 3, simple);
  return file;
}

Bytes WithoutBytes() {
  Bytes file = FileHeader({});
  AddPacket(file, {}, 0, 60);
  return file;
}

Bytes Cut(Bytes file, size_t bytes) {
  file.resize(file.size() - bytes);
  return file;
}

}  // namespace

std::vector<Seed> PcapSeeds() {
  return {
      {"microseconds", Pcap({})},
      {"nanoseconds", Pcap({.magic = kNanoseconds})},
      {"modified", Pcap({.magic = kModified})},
      {"big_endian", Pcap({.order = Order::kBig})},
      {"big_endian_nanoseconds",
       Pcap({.magic = kNanoseconds, .order = Order::kBig})},
      // More than a second, and negative for who takes it for an int.
      {"no_fraction", Pcap({.magic = kNanoseconds, .fraction = 0xe3310000})},
      {"big_endian_no_fraction", Pcap({.magic = kNanoseconds,
                                       .order = Order::kBig,
                                       .fraction = 0xe3310000})},
      {"raw_ip", Pcap({.link_type = kRawIp})},
      {"pcapng", PcapNg()},
      {"pcapng_cut", Cut(PcapNg(), 30)},
      {"no_packet", FileHeader({})},
      {"no_bytes", WithoutBytes()},
      {"cut_header", Cut(FileHeader({}), 3)},
      {"cut_packet", Cut(Pcap({}), 10)},
      {"cut_record", Cut(Pcap({}), 70)},
      {"text", BytesOfText("no capture\n")},
  };
}

}  // namespace fuzz
