// SPDX-License-Identifier: BSD-3-Clause
//
// Command lines, scripts and values as people type them, well or badly.

#include <string>

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/simulation/script.h"
#include "fuzz/reader.h"
#include "fuzz/seeds.h"

namespace fuzz {

namespace {

// What options_fuzz takes the rest of an input for.
constexpr char kCommandLine = 'd';
constexpr char kScript = 'a';
constexpr char kValue = 'b';
constexpr char kDevice = 'c';

constexpr const char* kCommandLines[] = {
    "",
    "--version",
    "--help",
    "run",
    "run\n--help",
    "run\n--backend\n/tmp/v.sock\n--queues\n4\n--packets\n1000000",
    "run\n--backend=/dev/vhost-net\n--queues=2\n--ifname\ntap%d",
    "run\n--path\npacked-inorder-mrg\n--size\n60-9000",
    "run\n--backend\n/tmp/v.sock\n--pcap-in\na.pcap\n--pcap-out\nb.pcap",
    "run\n--backend\n/tmp/v.sock\n--server\n--timeout\n30",
    "run\n--backend\n/tmp/v.sock\n--reconnect\n1.5",
    "run\n--packed\n--in-order\n--no-mrg-rxbuf\n--indirect\n-v",
    "run\n--no-in-order\n--no-indirect\n--queue-size\n255",
    "run\n--mac\n02:00:00:00:00:01\n--traffic\nnone\n--restarts\n0",
    "run\n--personality\nlib-vhost\n--burst\n256\n--seed\n010",
    "run\n--json\n-\n--queues\n99999999999999999999",
    "run\n--queues\n-1",
    "run\n--timeout\nnan",
    "bench",
    "bench\n--path\nsplit-vec\n--seconds\n0.5\n--rounds\n3\n--size\n64-1514",
    "bench\n--packets\n1000\n--burst\n8\n--queue-size\n1024\n--json\n-",
    "probe",
    "probe\nsim\n--json\n-\n-v",
    "probe\n/tmp/v.sock\n--server\n--timeout\n5",
    "replay\n4711\n--steps\n100\n--backend\nvdpa",
    "replay\nrun.script\n--html\nrun.html\n--gtest",
    "replay\n99999999999999999999",
    "simulate\n--seeds\n10000\n--check-determinism\n--jobs\n2",
    "simulate\n--seed\n4711\n--steps\n1000\n--personality\nlib-vhost",
    "simulate\n--from\n18446744073709551615\n--seeds\n2\n--keep-going",
    "simulate\n--hashes\nh.txt\n--json\nr.json\n--timeout\n0",
    "shrink\n4711\n--output\nshort.txt\n--max-runs\n100",
    "shrink\nx.script\n--timeout\n5",
    "explore",
    "explore\nfeatures\n--prove\n--solver\nz3",
    "explore\nfaults\n--pairs\n2\n--only\nrefused@6,late@9",
    "explore\nfaults\n--in-recovery\n--jobs\n4\n--timeout\n9",
    "explore\nsequences\n--depth\n6",
    "explore\nsequences\n--only\ncreate,set-up,start",
    "explore\nnothing",
    "fly",
};

constexpr const char* kScripts[] = {
    "set backend conforming\nset pairs 2\ncreate\nnegotiate a=1\nstart\n",
    "# a comment\n\nverdict: pass\nset backend vdpa\ncreate\n",
    "set backend nobody\n",
    "set pairs\n",
    "set queue_size 3\ncreate\n",
    "set mtu 67\ncreate\n",
    "create a=4294967296\n",
    "create\nset pairs 1\n",
    "fly a=1\n",
    "",
};

constexpr const char* kValues[] = {
    "02:00:00:00:00:01",
    "01:00:00:00:00:01",
    "00:00:00:00:00:00",
    "2:0:0:0:0:1",
    "60-1514",
    "64",
    "65535-60",
    "tap%d",
    "tap0",
    "a/b",
    "0",
    "007",
    "-0",
    "-9223372036854775808",
    "18446744073709551616",
    "refused@17,late@9",
    "none",
    "create,set-up,start,stop",
    "split-mrg",
    "packed-vec",
    "a\x1b[31m\xc2\x9b\n",
};

Seed Typed(const std::string& name, char kind, const std::string& text) {
  return {name, BytesOfText(kind + text)};
}

// A life that was drawn, in full.
std::string DrawnScript(uint64_t seed) {
  backend_sim::SeededEntropy entropy(seed);
  backend_sim::Script script;
  script.scenario = backend_sim::DrawScenario(entropy);
  for (uint32_t i = 0; i < 12; ++i) {
    script.operations.push_back(
        {.kind = static_cast<backend_sim::OpKind>(
             entropy.Choose(backend_sim::kOpKinds)),
         .a = static_cast<uint32_t>(entropy.Choose(5)),
         .b = static_cast<uint32_t>(entropy.Choose(1000)),
         .salt = i});
  }
  return ToText(script);
}

Seed DeviceSeed(const std::string& name, uint8_t what, uint16_t pairs,
                uint16_t size) {
  Bytes bytes = BytesOfText(std::string(1, kDevice));
  Append(bytes, what, 1);
  Append(bytes, pairs, 2);
  Append(bytes, size, 2);
  return {name, bytes};
}

// A device on a back-end with an address of its own that switches offloads:
// the driver sets some, and they are told again by each start.
Seed OffloadsSeed() {
  constexpr uint16_t kSwitchesOffloads = 0x0800;
  constexpr uint64_t kOffered = 0x01a2;  // GUEST_CSUM, MAC, GUEST_TSO4 and 6.
  constexpr uint64_t kLeftOn = 0x0102;   // GUEST_CSUM, GUEST_TSO6.
  constexpr uint8_t kStart = 1;
  constexpr uint8_t kStop = 2;
  constexpr uint8_t kReattach = 3;
  Seed seed = DeviceSeed("device_offloads", 0x47, 1, 8);
  Bytes& bytes = seed.bytes;
  Append(bytes, 0x0000'0100'0000'0002, 6);  // Its own address.
  Append(bytes, kSwitchesOffloads, 2);
  Append(bytes, kOffered, 8);
  Append(bytes, 0, 5);
  Append(bytes, 0, 2);  // Whatever is offered is chosen.
  Append(bytes, 0, 8);
  Append(bytes, kStart, 1);
  Append(bytes, 0xf000'0000'0508, 6);  // GUEST_OFFLOADS_SET, with 8 bytes.
  Append(bytes, kLeftOn, 8);
  for (const uint8_t call : {kStop, kStart, kReattach, kStart}) {
    Append(bytes, call, 1);
  }
  return seed;
}

// A sound ring, and one feature that is chosen for it.
Seed QueueSeed(const std::string& name, uint8_t feature) {
  constexpr uint8_t kSharedMemory = 0x80;
  constexpr uint8_t kBuffers = 1;
  Bytes bytes = BytesOfText(std::string(1, kDevice));
  Append(bytes, kSharedMemory | kBuffers << 8, 2);
  bytes.resize(bytes.size() + 4 + 8 + 2 +
               2);  // Buffers, and a ring that is none.
  bytes.resize(bytes.size() + 8 + 1);
  Append(bytes, feature, 1);
  return {name, bytes};
}

// With the longest packets that an MTU allows.
Seed MtuSeed() {
  constexpr uint16_t kMost = 0x8050;  // One less than the 16th power of two.
  Seed seed = DeviceSeed("device_mtu", 0x27, 1, 8);
  Append(seed.bytes, kMost, 2);
  return seed;
}

}  // namespace

std::vector<Seed> OptionsSeeds() {
  std::vector<Seed> seeds;
  const auto add = [&](const char* name, char kind, const auto& texts) {
    size_t number = 0;
    for (const char* const text : texts) {
      seeds.push_back(
          Typed(name + ("_" + std::to_string(number++)), kind, text));
    }
  };
  add("command", kCommandLine, kCommandLines);
  add("script", kScript, kScripts);
  add("value", kValue, kValues);
  for (const uint64_t seed : {1, 2, 3, 4}) {
    seeds.push_back(Typed("drawn_script_" + std::to_string(seed), kScript,
                          DrawnScript(seed)));
  }
  seeds.push_back(DeviceSeed("device_plain", 6, 1, 256));
  seeds.push_back(DeviceSeed("device_pairs", 7, 4, 1024));
  seeds.push_back(DeviceSeed("device_packed", 15, 2, 100));
  seeds.push_back(DeviceSeed("device_no_pairs", 1, 0, 256));
  seeds.push_back(DeviceSeed("device_odd_size", 1, 1, 255));
  // As many as the back-end serves.
  seeds.push_back(DeviceSeed("device_most_pairs", 7, 128, 8));
  seeds.push_back(OffloadsSeed());
  seeds.push_back(MtuSeed());
  seeds.push_back(QueueSeed("queue_event_idx", 29));
  seeds.push_back(QueueSeed("queue_csum", 1));
  seeds.push_back(QueueSeed("queue_ipsec", 70));
  // The numbers of powers of two.
  seeds.push_back(DeviceSeed("device_pairs_alone", 6, 0x8021, 0x8028));
  return seeds;
}

}  // namespace fuzz
