// SPDX-License-Identifier: BSD-3-Clause
//
// What bad input gets: an exit code and a sentence that names the thing, the
// value and what would be right.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct BadInput {
  std::vector<std::string> arguments;
  std::string text;
};

std::vector<BadInput> BadRings() {
  const std::string pairs = ": vhost-user has room for 1 to 128 queue pairs";
  const std::string size =
      ": a ring has a power of two from 1 to 32768 descriptors";
  return {
      {{"run", "--queues", "0"}, "--queues 0" + pairs},
      {{"run", "--queues", "-1"}, "--queues -1" + pairs},
      {{"run", "--queues", "129"}, "--queues 129" + pairs},
      {{"run", "--queues", "65537"}, "--queues 65537" + pairs},
      {{"run", "--queues", "99999999999999999999"},
       "--queues: 99999999999999999999 is too large a number"},
      {{"run", "--queues", "two"}, "--queues: two is not a whole number"},
      {{"run", "--queues", "0x2"}, "--queues: 0x2 is not a whole number"},
      {{"run", "--queues", "2.5"}, "--queues: 2.5 is not a whole number"},
      {{"run", "--queue-size", "0"}, "--queue-size 0" + size},
      {{"run", "--queue-size", "3"}, "--queue-size 3" + size},
      {{"run", "--queue-size", "65536"}, "--queue-size 65536" + size},
      {{"run", "--queue-size", "-256"}, "--queue-size -256" + size},
  };
}

// CLI11 would take a zero in front for octal.
std::vector<BadInput> BadDecimals() {
  return {
      {{"simulate", "--steps", "010000000"}, "--steps 10000000: say 1 to"},
      {{"simulate", "--jobs", "0400"}, "--jobs 400: say 1 to 256"},
      {{"replay", "7", "--steps", "010000000"}, "--steps 10000000: say 1 to"},
      {{"explore", "sequences", "--depth", "0100"}, "--depth 100: say 1 to"},
      {{"explore", "sequences", "--depth", "6x"}, "6x is not a whole number"},
  };
}

std::vector<BadInput> BadPaths() {
  const std::string names =
      "split-nomrg, split-mrg, split-inorder-nomrg, split-inorder-mrg, "
      "packed-nomrg, packed-mrg, packed-inorder-nomrg, packed-inorder-mrg, "
      "split-vec, packed-vec";
  const auto opposite = [](const char* path, const char* option) {
    return BadInput{{"run", "--path", path, option},
                    "--path " + std::string(path) + ": " + option +
                        " says the opposite; leave one out"};
  };
  return {
      {{"run", "--path", "split"}, "--path split: say one of " + names},
      {{"run", "--path", ""}, "--path : say one of " + names},
      opposite("split-mrg", "--packed"),
      opposite("packed-mrg", "--in-order"),
      opposite("split-vec", "--indirect"),
      opposite("split-vec", "--packed"),
      opposite("packed-vec", "--no-in-order"),
      opposite("packed-inorder-mrg", "--no-in-order"),
      opposite("split-inorder-mrg", "--no-mrg-rxbuf"),
      {{"run", "--in-order", "--no-in-order"},
       "--in-order and --no-in-order: leave one of the two out"},
      {{"run", "--indirect", "--no-indirect"},
       "--indirect and --no-indirect: leave one of the two out"},
      {{"run", "--queue-size", "255"},
       "--queue-size 255: a ring has a power of two from 1 to 32768 "
       "descriptors, a packed one any number up to that: --packed"},
      {{"run", "--path", "split-mrg", "--queue-size", "255"},
       ", a packed one any number up to that: --path packed-..."},
      {{"run", "--packed", "--queue-size", "0"},
       "--queue-size 0: a packed ring has 1 to 32768 descriptors"},
      {{"run", "--path", "packed-mrg", "--queue-size", "32769"},
       "--queue-size 32769: a packed ring has 1 to 32768 descriptors"},
      {{"run", "--packed", "--personality", "legacy"},
       "--packed: the back-end does not offer VIRTIO_F_RING_PACKED"},
      {{"run", "--path", "packed-mrg", "--personality", "legacy"},
       "--path packed-mrg: the back-end does not offer VIRTIO_F_RING_PACKED"},
      {{"run", "--in-order", "--personality", "legacy"},
       "--in-order: the back-end does not offer VIRTIO_F_IN_ORDER"},
      {{"run", "--path", "split-mrg", "--personality", "legacy"},
       "--path split-mrg: the back-end does not offer VIRTIO_NET_F_MRG_RXBUF"},
  };
}

std::vector<BadInput> BadFrames() {
  const auto size = [](const char* text) {
    return BadInput{{"run", "--size", text},
                    "--size " + std::string(text) +
                        ": say MIN-MAX or one size, from 60 to 65535 bytes"};
  };
  return {
      size("59"),
      size("60-65536"),
      size("1514-60"),
      size("-100"),
      size("100-"),
      size("60-1514-9000"),
      size("60 - 1514"),
      size("big"),
      size(""),
      {{"run", "--burst", "0"}, "--burst 0: say 1 to 256 packets"},
      {{"run", "--burst", "257"}, "--burst 257: say 1 to 256 packets"},
      {{"run", "--burst", "-1"}, "--burst -1: say 1 to 256 packets"},
      {{"run", "--pcap-in", "-"}, "--pcap-in -: a capture is a file; name one"},
      {{"run", "--pcap-in", "a.pcap", "--pcap-out", "-"},
       "--pcap-out -: a capture is a file; name one"},
      {{"run", "--restarts", "-1"}, "--restarts -1: say 0 to 10000"},
      {{"run", "--restarts", "10001"}, "--restarts 10001: say 0 to 10000"},
      {{"run", "--reconnect", "5"},
       "--reconnect 5: the embedded back-end 'sim' does not go away; leave it "
       "out, or name a socket"},
      {{"run", "--backend", "/run/v.sock", "--reconnect", "0"},
       "--reconnect 0: say 0.001 to 86400 seconds"},
      {{"run", "--backend", "/run/v.sock", "--reconnect", "-1"},
       "--reconnect -1: say 0.001 to 86400 seconds"},
      {{"run", "--backend", "/run/v.sock", "--reconnect", "5", "--pcap-in",
        "a.pcap"},
       "--reconnect 5: what is under way is lost when a back-end goes away, "
       "and --pcap-in wants every packet back; leave one of the two out"},
      {{"run", "--no-mrg-rxbuf", "--size", "65535"},
       "--size 65535: without VIRTIO_NET_F_MRG_RXBUF a frame lies in one "
       "buffer, of 65472 bytes at most"},
      {{"run", "--personality", "legacy", "--size", "65535"},
       "--size 65535: split-nomrg and rings of 256 carry frames of 65472 bytes "
       "at most"},
      {{"run", "--queue-size", "4", "--size", "60-9000"},
       "--size 60-9000: split-inorder-mrg and rings of 4 carry frames of 7936 "
       "bytes at most"},
      {{"run", "--personality", "friendly"},
       "--personality friendly: say one of conforming, lib-vhost, legacy, "
       "out-of-order, "},
      {{"run", "--backend", "/run/v.sock", "--personality", "legacy"},
       "--personality legacy: only the embedded back-end 'sim' has "
       "personalities; leave it out for /run/v.sock"},
  };
}

std::vector<BadInput> BadCaptures() {
  return {
      {{"run", "--pcap-in", "/nowhere/a.pcap"},
       "--pcap-in /nowhere/a.pcap: cannot read it: No such file or directory"},
      {{"run", "--pcap-in", "/dev/null"},
       "--pcap-in /dev/null: no regular file; name one"},
      {{"run", "--pcap-in", "/"}, "--pcap-in /: "},
      {{"run", "--pcap-out", "b.pcap"},
       "--pcap-out b.pcap: --pcap-in says which packets; it is missing"},
      {{"run", "--pcap-in", "a.pcap", "--packets", "5"},
       "--pcap-in a.pcap: the capture says what is sent; leave --packets out"},
      {{"run", "--pcap-in", "a.pcap", "--size", "64"},
       "--pcap-in a.pcap: the capture says what is sent; leave --size out"},
      {{"run", "--pcap-in", "a.pcap", "--traffic", "send"},
       "--traffic send: the packets of --pcap-in a.pcap are sent, come back "
       "and are compared; leave --traffic out"},
  };
}

std::vector<BadInput> BadAddresses() {
  const auto mac = [](const char* text) {
    return BadInput{{"run", "--mac", text},
                    "--mac: mac \"" + std::string(text) + "\": "};
  };
  return {mac("02:00:00:00:00"),     mac("02:00:00:00:00:01:02"),
          mac("02:00:00:00:00:1ff"), mac("02:00:00:00:00:01x"),
          mac("01:00:00:00:00:01"),  mac("00:00:00:00:00:00"),
          mac("ff:ff:ff:ff:ff:ff"),  mac("")};
}

std::vector<BadInput> BadRest() {
  return {
      {{"run", "--backend", ""}, "back-end ''"},
      {{"run", "--traffic", "flood"},
       "--traffic flood: say echo, send, receive or none"},
      {{"run", "--packets", "0"}, "--packets 0: nothing would be checked"},
      {{"run", "--packets", "-5"}, "--packets -5: say 1 to"},
      {{"run", "--packets", "10000000001"}, "--packets 10000000001: say 1 to"},
      {{"run", "--traffic", "none", "--packets", "5"},
       "--packets 5: --traffic none sends none"},
      {{"run", "--timeout", "0"}, "--timeout 0: say 0.001 to 86400 seconds"},
      {{"run", "--timeout", "-1"}, "--timeout -1: say"},
      {{"run", "--timeout", "nan"}, "--timeout nan: say"},
      {{"run", "--timeout", "inf"}, "--timeout inf: say"},
      {{"run", "--timeout", "soon"}, "--timeout"},
      {{"run", "--seed", "-1"}, "--seed: -1 is not a whole number from 0 up"},
      {{"run", "--ifname", "tap0", "--backend", "/run/v.sock"},
       "--ifname tap0: only a kernel back-end has a network interface; leave "
       "it out for /run/v.sock"},
      {{"run", "--ifname", "tap0"},
       "--ifname tap0: only a kernel back-end has a network interface; leave "
       "it out for sim"},
      {{"run", "--backend", "/dev/vhost-net", "--queues", "257"},
       "--queues 257: a tap has room for 1 to 256 queue pairs"},
      {{"run", "--backend", "/dev/vhost-vdpa-0", "--queues", "32768"},
       "--queues 32768: a vDPA device has room for 1 to 32767 queue pairs"},
      {{"run", "--backend", "/dev/vhost-net", "--server"},
       "--server: /dev/vhost-net is a device, and no socket to wait on; leave "
       "--server out"},
      {{"run", "--server"}, "--server: the embedded back-end 'sim' has no"},
      {{"run", "--json", "/nowhere/x.json"},
       "--json /nowhere/x.json: cannot write /nowhere/x.json: No such file"},
      {{"run", "--json", "/"}, "--json /: cannot write /: Is a directory"},
      {{"run", "--fast"}, "The following argument was not expected: --fast"},
      {{"run", "now"}, "The following argument was not expected: now"},
      {{"run", "--queues"}, "--queues"},
      {{"probe"}, "PATH is required"},
      {{"probe", "sim", "--server"}, "--server: the embedded back-end"},
      {{"probe", ""}, "back-end '': say"},
      {{"probe", "sim", "--timeout", "0"}, "--timeout 0: say"},
      {{"probe", "sim", "--json", "/nowhere/x"}, "--json /nowhere/x: cannot"},
      {{},
       "no command: say run, probe, bench, "
       "replay, simulate, shrink or explore"},
      {{"fly"},
       "fly: no such command; say run, probe, bench, "
       "replay, simulate, shrink or explore"},
  };
}

class BadInputTest : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, IsAUsageErrorThatNamesIt) {
  const Outcome outcome = RunVuser(GetParam().arguments);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("vuser: "));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().text));
  // Some is known only once a back-end answered; then there is a report.
  if (outcome.out != "") {
    EXPECT_THAT(outcome.LastLine(), StartsWith("verdict: FAIL ("));
  }
}

INSTANTIATE_TEST_SUITE_P(Rings, BadInputTest, ::testing::ValuesIn(BadRings()));
INSTANTIATE_TEST_SUITE_P(Decimals, BadInputTest,
                         ::testing::ValuesIn(BadDecimals()));
INSTANTIATE_TEST_SUITE_P(Paths, BadInputTest, ::testing::ValuesIn(BadPaths()));
INSTANTIATE_TEST_SUITE_P(Frames, BadInputTest,
                         ::testing::ValuesIn(BadFrames()));
INSTANTIATE_TEST_SUITE_P(Captures, BadInputTest,
                         ::testing::ValuesIn(BadCaptures()));
INSTANTIATE_TEST_SUITE_P(Addresses, BadInputTest,
                         ::testing::ValuesIn(BadAddresses()));
INSTANTIATE_TEST_SUITE_P(Rest, BadInputTest, ::testing::ValuesIn(BadRest()));

TEST(BackendPathTest, MissingPath_IsUnreachable) {
  const Outcome outcome = RunVuser({"run", "--backend", "/nowhere/v.sock"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/v.sock does not exist"));
  EXPECT_THAT(outcome.LastLine(),
              StartsWith("verdict: FAIL (/nowhere/v.sock does not exist"));
}

TEST(BackendPathTest, RegularFile_IsAUsageError) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("file");
  std::ofstream(path) << "text";
  const Outcome outcome = RunVuser({"run", "--backend", path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr(path + " is a regular file"));
}

TEST(BackendPathTest, PathLongerThanASocketsName_IsAUsageError) {
  const std::string path = "/tmp/" + std::string(120, 'x');
  const Outcome outcome = RunVuser({"run", "--backend", path});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("at most 107"));
}

TEST(BackendPathTest, CharacterDevice_IsRefused) {
  const Outcome outcome = RunVuser({"probe", "/dev/null"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("/dev/null is a character device"));
}

TEST(BackendPathTest, MissingPathOfProbe_IsUnreachable) {
  const Outcome outcome = RunVuser({"probe", "/nowhere/v.sock"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "");
}

TEST(BackendPathTest, ServerThatNobodyConnectsTo_IsUnreachable) {
  const testing_support::TempDir dir;
  const std::string path = dir.Join("v.sock");
  const Outcome outcome =
      RunVuser({"run", "--backend", path, "--server", "--timeout", "0.01"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("no back-end connected to " + path));
}

TEST(HelpTest, Version_IsOneLine) {
  const Outcome outcome = RunVuser({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "vuser 0.1.0\n");
}

TEST(HelpTest, Help_NamesEveryCommand) {
  const Outcome outcome = RunVuser({"--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("run"));
  EXPECT_THAT(outcome.out, HasSubstr("probe"));
}

TEST(HelpTest, HelpOfRun_HasExamplesAndExitCodes) {
  const Outcome outcome = RunVuser({"run", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("--queue-size N"));
  EXPECT_THAT(outcome.out, HasSubstr("vuser run --backend /tmp/v.sock"));
  EXPECT_THAT(outcome.out, HasSubstr("exit code: 0 pass, 1 fail"));
}

}  // namespace
}  // namespace virtio_user::cli
