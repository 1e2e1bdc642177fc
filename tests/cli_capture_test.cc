// SPDX-License-Identifier: BSD-3-Clause
//
// Captures through the simulated back-end, and what no run can begin with.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/capture.h"
#include "cli/capture_ledger.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kMicroMagic = 0xa1b2c3d4;
constexpr uint32_t kNanoMagic = 0xa1b23c4d;
constexpr uint32_t kEthernet = 1;
constexpr uint32_t kRawIp = 101;

void Put32(std::string& to, uint32_t value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void Put16(std::string& to, uint16_t value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// A pcap file, byte by byte.
class PcapText {
 public:
  explicit PcapText(uint32_t magic, uint32_t link_type = kEthernet) {
    Put32(text_, magic);
    Put16(text_, 2);
    Put16(text_, 4);
    Put32(text_, 0);
    Put32(text_, 0);
    Put32(text_, 262144);
    Put32(text_, link_type);
  }
  PcapText& Add(const std::string& bytes, uint32_t original_bytes = 0) {
    Put32(text_, 1'700'000'000 + count_);
    Put32(text_, 123'456 + count_);
    Put32(text_, static_cast<uint32_t>(bytes.size()));
    Put32(text_, original_bytes == 0 ? static_cast<uint32_t>(bytes.size())
                                     : original_bytes);
    text_ += bytes;
    ++count_;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  uint32_t count_ = 0;
};

// A frame of that EtherType and size, tagged or not.
std::string Frame(uint16_t type, size_t bytes, bool tagged = false) {
  std::string frame = {2, 0x76, 0x75, 0, 0, 1, 2, 0x76, 0x75, 0, 0, 2};
  if (tagged) frame += std::string("\x81\x00\x00\x2a", 4);
  frame += static_cast<char>(type >> 8);
  frame += static_cast<char>(type & 0xff);
  while (frame.size() < bytes) {
    frame += static_cast<char>(frame.size() * 7 + type);
  }
  return frame;
}

// IPv4, IPv6, ARP, tagged, jumbo, short ones and the same one twice.
PcapText Mixture(uint32_t magic) {
  PcapText pcap(magic);
  for (size_t round = 0; round < 40; ++round) {
    pcap.Add(Frame(0x0800, 60 + round))
        .Add(Frame(0x86dd, 1514))
        .Add(Frame(0x0806, 42))
        .Add(Frame(0x0800, 1518, true))
        .Add(Frame(0x0800, 9000 + round))
        .Add(Frame(0x86dd, 15))
        .Add(Frame(0x0800, 60 + round));
  }
  return pcap;
}

class CaptureTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = dir_.Join(name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string ReadAll(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Outcome Send(const std::string& in, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"run", "--pcap-in", in, "--pcap-out",
                                          out_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunVuser(arguments);
  }

  testing_support::TempDir dir_;
  const std::string out_ = dir_.Join("out.pcap");
};

class RoundTripTest
    : public CaptureTest,
      public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(RoundTripTest, TheOutputIsTheInput) {
  for (const uint32_t magic : {kMicroMagic, kNanoMagic}) {
    const PcapText pcap = Mixture(magic);
    const Outcome outcome = Send(Write("in.pcap", pcap.text()), GetParam());

    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(ReadAll(out_), pcap.text());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Options, RoundTripTest,
    ::testing::Values(
        std::vector<std::string>{}, std::vector<std::string>{"--queues", "4"},
        std::vector<std::string>{"--queues", "4", "--path", "split-mrg",
                                 "--personality", "out-of-order"},
        std::vector<std::string>{"--path", "packed-nomrg", "--burst", "7"},
        std::vector<std::string>{"--packed", "--queue-size", "33", "--queues",
                                 "3", "--personality", "many-buffers"}));

TEST_F(CaptureTest, PcapngIsReadToo) {
  // Section header, interface (Ethernet, microseconds), one packet.
  std::string text;
  for (const uint32_t word : {0x0a0d0d0au, 28u, 0x1a2b3c4du, 0x00000001u,
                              0xffffffffu, 0xffffffffu, 28u}) {
    Put32(text, word);
  }
  for (const uint32_t word : {1u, 20u, kEthernet, 0u, 20u}) Put32(text, word);
  const std::string frame = Frame(0x0800, 60);
  for (const uint32_t word : {6u, 92u, 0u, 0u, 123'456u, 60u, 60u}) {
    Put32(text, word);
  }
  text += frame;
  Put32(text, 92);
  const Outcome outcome = Send(Write("in.pcapng", text));

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReadAll(out_).substr(40), frame);
}

TEST_F(CaptureTest, CutPackets_GoAsCapturedAndAreSaidToBeCut) {
  const PcapText pcap =
      PcapText(kMicroMagic).Add(Frame(0x0800, 64), 1514).Add(Frame(0x0800, 80));
  const Outcome outcome = Send(Write("in.pcap", pcap.text()));

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(ReadAll(out_), pcap.text());
  EXPECT_THAT(outcome.out, HasSubstr("1 of them cut short by the capture"));
}

TEST_F(CaptureTest, Json_TellsWhatBecameOfTheCapture) {
  const std::string in =
      Write("in.pcap", PcapText(kMicroMagic).Add(Frame(0x0800, 64)).text());
  const Outcome outcome = Send(in, {"--json", "-"});

  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json["capture"]["packets"], 1);
  EXPECT_EQ(json["capture"]["truncated"], 0);
  EXPECT_EQ(json["capture"]["returned"], 1);
  EXPECT_EQ(json["options"]["pcap_in"], in);
}

struct BadCapture {
  std::string text;
  std::vector<std::string> more;
  std::string reason;
};

class BadCaptureTest : public CaptureTest,
                       public ::testing::WithParamInterface<BadCapture> {};

TEST_P(BadCaptureTest, IsAUsageErrorThatSaysWhy) {
  const std::string in = Write("in.pcap", GetParam().text);
  const Outcome outcome = Send(in, GetParam().more);

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--pcap-in " + in + ": "));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    Captures, BadCaptureTest,
    ::testing::Values(
        BadCapture{"", {}, "no capture: truncated dump file"},
        BadCapture{"some text that is longer than a header of a capture is",
                   {},
                   "no capture: unknown file format"},
        BadCapture{PcapText(kMicroMagic).text(), {}, "no packet is in it"},
        BadCapture{PcapText(kMicroMagic, kRawIp).Add("E").text(),
                   {},
                   "its packets are RAW; only Ethernet frames can be sent"},
        BadCapture{
            PcapText(kMicroMagic).Add(Frame(0x0800, 60)).Add("", 60).text(),
            {},
            "packet 2 has no bytes"},
        BadCapture{PcapText(kMicroMagic).Add(Frame(0x0800, 60)).text() + "cut",
                   {},
                   "after 1 packets: truncated dump file"},
        BadCapture{PcapText(kMicroMagic)
                       .Add(Frame(0x0800, 60))
                       .Add(Frame(0x0800, 65473))
                       .text(),
                   {"--no-mrg-rxbuf"},
                   "packet 2 has 65473 bytes; split-inorder-nomrg and rings of "
                   "256 carry frames of 65472 bytes at most"},
        BadCapture{PcapText(kMicroMagic).Add(Frame(0x0800, 8000)).text(),
                   {"--queue-size", "4"},
                   "packet 1 has 8000 bytes; split-inorder-mrg and rings of 4 "
                   "carry frames of 7936 bytes at most"}));

TEST_F(CaptureTest, AnInputThatIsNoRegularFile_IsRefusedAtOnce) {
  const std::string fifo = dir_.Join("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& in : {fifo, dir_.path()}) {
    const Outcome outcome = RunVuser({"run", "--pcap-in", in});

    EXPECT_EQ(outcome.code, 2);
    EXPECT_EQ(outcome.err,
              "vuser: --pcap-in " + in + ": no regular file; name one\n");
  }
}

TEST_F(CaptureTest, TheInputAsOutput_IsRefused) {
  const PcapText pcap = PcapText(kMicroMagic).Add(Frame(0x0800, 60));
  const std::string in = Write("in.pcap", pcap.text());
  const std::string roundabout = dir_.path() + "/./in.pcap";
  const Outcome outcome =
      RunVuser({"run", "--pcap-in", in, "--pcap-out", roundabout});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--pcap-out " + roundabout +
                                     ": that is the file of --pcap-in too"));
  EXPECT_EQ(ReadAll(in), pcap.text());
}

TEST_F(CaptureTest, AnOutputThatCannotBeWritten_IsRefused) {
  const std::string in =
      Write("in.pcap", PcapText(kMicroMagic).Add(Frame(0x0800, 60)).text());
  const Outcome outcome =
      RunVuser({"run", "--pcap-in", in, "--pcap-out", "/nowhere/b.pcap"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--pcap-out /nowhere/b.pcap: cannot"));
}

// A packet of this time as it is written again: seconds and their fraction.
std::pair<uint32_t, uint32_t> TimeOf(uint32_t seconds, uint32_t nanoseconds) {
  std::string file = PcapText(kNanoMagic).text();
  for (const uint32_t word : {seconds, nanoseconds, 60u, 60u}) {
    Put32(file, word);
  }
  file += Frame(0x0800, 60);
  const auto capture = Capture::FromBytes(std::as_bytes(std::span(file)));
  EXPECT_TRUE(capture.has_value());
  const std::string written = capture->FileOf(std::vector<size_t>{0});
  std::pair<uint32_t, uint32_t> time;
  std::memcpy(&time.first, written.data() + 24, sizeof(time.first));
  std::memcpy(&time.second, written.data() + 28, sizeof(time.second));
  return time;
}

TEST(CaptureBytesTest, AFractionOfMoreThanASecond_IsCarriedOver) {
  EXPECT_EQ(TimeOf(1'700'000'000, 1'500'000'001),
            std::pair(1'700'000'001u, 500'000'001u));
}

// libpcap takes it for an int.
TEST(CaptureBytesTest, ANegativeFraction_IsTakenOff) {
  EXPECT_EQ(TimeOf(1'700'000'000, 0xffff'ffff),
            std::pair(1'699'999'999u, 999'999'999u));
}

TEST(CaptureBytesTest, NoBytes_AreNoCapture) {
  EXPECT_THAT(Capture::FromBytes({}).error(), HasSubstr("no capture"));
}

class CaptureLedgerTest : public CaptureTest {
 protected:
  void SetUp() override {
    PcapText pcap(kMicroMagic);
    for (size_t i = 0; i < 6; ++i) pcap.Add(Frame(0x0800, 60 + i));
    const auto read = Capture::Read(Write("in.pcap", pcap.text()));
    ASSERT_TRUE(read.has_value()) << read.error();
    capture_.emplace(*read);
    ledger_.emplace(*capture_, uint16_t{2});
    for (const uint16_t pair : {0, 1, 0, 1}) ledger_->Sent(pair);
  }
  std::string Problem(uint16_t pair, std::span<const std::byte> bytes) {
    return ledger_->Echoed(pair, bytes).value_or("fine");
  }

  std::optional<Capture> capture_;
  std::optional<CaptureLedger> ledger_;
};

TEST_F(CaptureLedgerTest, WhatComesBackOutOfOrder_StandsInOrder) {
  EXPECT_EQ(Problem(1, capture_->Bytes(3)), "fine");
  EXPECT_EQ(Problem(0, capture_->Bytes(2)), "fine");
  EXPECT_EQ(Problem(0, capture_->Bytes(0)), "fine");

  EXPECT_EQ(ledger_->Returned(), (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(ledger_->Missing(0), 0u);
  EXPECT_EQ(ledger_->DescribeMissing(1, ""),
            "pair 1: sent 2, 1 did not come back: packet 2");
}

TEST_F(CaptureLedgerTest, APacketOfAnotherPair_IsNamed) {
  EXPECT_EQ(Problem(0, capture_->Bytes(1)),
            "pair 0: packet 2 came back here, pair 1 sent it");
  EXPECT_EQ(ledger_->Missing(1), 1u);
}

TEST_F(CaptureLedgerTest, APacketThatComesTwice_IsNamed) {
  EXPECT_EQ(Problem(0, capture_->Bytes(0)), "fine");
  EXPECT_EQ(Problem(0, capture_->Bytes(0)), "pair 0: packet 1 came twice");
}

TEST_F(CaptureLedgerTest, AChangedByte_IsNamedWithBothValues) {
  const auto sent = capture_->Bytes(0);
  std::vector<std::byte> bytes(sent.begin(), sent.end());
  bytes[59] = std::byte{0};
  EXPECT_EQ(Problem(0, bytes),
            "pair 0: packet 1 came back with byte 59 of 60 = 0x00, not 0x9d");
  EXPECT_EQ(ledger_->Missing(0), 1u);
}

TEST_F(CaptureLedgerTest, ACutPacket_IsNamedWithBothSizes) {
  EXPECT_EQ(Problem(0, capture_->Bytes(0).first(59)),
            "pair 0: packet 1 came back with 59 bytes, 60 were sent");
}

TEST_F(CaptureLedgerTest, APairWithoutAnAnswer_IsNamedWithTheAdvice) {
  EXPECT_EQ(ledger_->DescribeMissing(0, "does it?"),
            "pair 0: sent 2, none came back; does it?");
}

TEST_F(CaptureLedgerTest, WhereANetworkChooses_AnyPairWillDo) {
  ledger_.emplace(*capture_, uint16_t{2}, Routing::kAnyPair);
  for (const uint16_t pair : {0, 1}) ledger_->Sent(pair);

  EXPECT_FALSE(ledger_->IsStranger(capture_->Bytes(1)));
  EXPECT_EQ(Problem(0, capture_->Bytes(1)), "fine");

  EXPECT_EQ(ledger_->Returned(), (std::vector<size_t>{1}));
  EXPECT_EQ(ledger_->Missing(1), 0u);
  EXPECT_EQ(ledger_->counts(1).received, 1u);
  EXPECT_TRUE(ledger_->IsStranger(capture_->Bytes(1)));
  EXPECT_TRUE(ledger_->IsStranger(std::vector<std::byte>(70)));
}

}  // namespace
}  // namespace virtio_user::cli
