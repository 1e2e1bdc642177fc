// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/dictionaries.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <utility>

#include "backend_sim/explore/fault_choice.h"
#include "backend_sim/personality.h"
#include "backend_sim/simulation/operation.h"
#include "backend_sim/simulation/scenario.h"
#include "backend_sim/wire.h"
#include "cli/command_line.h"
#include "fuzz/front_end_input.h"
#include "fuzz/reader.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/os/vdpa_requests.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"
#include "virtio_user/spec/vhost_user.h"

namespace fuzz {

namespace {

using Words = std::vector<Seed>;

constexpr std::string_view kNoName = "bit";

Seed Number(std::string_view name, uint64_t value, size_t bytes) {
  Seed word{std::string(name), {}};
  Append(word.bytes, value, bytes);
  return word;
}

// A key has letters, digits and '_'.
std::string KeyOf(std::string_view text) {
  std::string key(text);
  std::ranges::replace_if(
      key, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return key;
}

void AddText(Words& words, std::string_view kind, std::string_view text) {
  words.push_back({std::string(kind) + "_" + KeyOf(text), BytesOfText(text)});
}

// The 64-bit word of each bit that has a name.
void AddFeatures(Words& words, unsigned first, unsigned last) {
  for (unsigned bit = first; bit <= last; ++bit) {
    const std::string_view name = virtio_user::FeatureName(bit);
    if (name == kNoName) continue;
    words.push_back(Number(name, uint64_t{1} << bit % 64, 8));
  }
}

void AddProtocolFeatures(Words& words) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::string_view name = virtio_user::ProtocolFeatureName(bit);
    if (name != kNoName) words.push_back(Number(name, uint64_t{1} << bit, 8));
  }
}

void AddRequests(Words& words) {
  for (const backend_sim::RequestRule& rule : backend_sim::RequestRules()) {
    words.push_back(
        Number("VHOST_USER_" + std::string(rule.name), rule.number, 4));
  }
}

// Class and command, as the spec names the commands.
Words Commands() {
  using virtio_user::CtrlClass;
  struct Command {
    const char* name;
    CtrlClass command_class;
    uint8_t command;
  };
  constexpr Command kCommands[] = {
      {"CTRL_RX_PROMISC", CtrlClass::kRx, virtio_user::kCtrlRxPromisc},
      {"CTRL_RX_ALLMULTI", CtrlClass::kRx, virtio_user::kCtrlRxAllMulti},
      {"CTRL_RX_ALLUNI", CtrlClass::kRx, virtio_user::kCtrlRxAllUni},
      {"CTRL_RX_NOMULTI", CtrlClass::kRx, virtio_user::kCtrlRxNoMulti},
      {"CTRL_RX_NOUNI", CtrlClass::kRx, virtio_user::kCtrlRxNoUni},
      {"CTRL_RX_NOBCAST", CtrlClass::kRx, virtio_user::kCtrlRxNoBcast},
      {"CTRL_MAC_TABLE_SET", CtrlClass::kMac, virtio_user::kCtrlMacTableSet},
      {"CTRL_MAC_ADDR_SET", CtrlClass::kMac, virtio_user::kCtrlMacAddrSet},
      {"CTRL_VLAN_ADD", CtrlClass::kVlan, virtio_user::kCtrlVlanAdd},
      {"CTRL_VLAN_DEL", CtrlClass::kVlan, virtio_user::kCtrlVlanDel},
      {"CTRL_ANNOUNCE_ACK", CtrlClass::kAnnounce,
       virtio_user::kCtrlAnnounceAck},
      {"CTRL_MQ_VQ_PAIRS_SET", CtrlClass::kMq, virtio_user::kCtrlMqVqPairsSet},
      {"CTRL_MQ_RSS_CONFIG", CtrlClass::kMq, virtio_user::kCtrlMqRssConfig},
      {"CTRL_MQ_HASH_CONFIG", CtrlClass::kMq, virtio_user::kCtrlMqHashConfig},
      {"CTRL_GUEST_OFFLOADS_SET", CtrlClass::kGuestOffloads,
       virtio_user::kCtrlGuestOffloadsSet},
      {"CTRL_NOTF_COAL_VQ_SET", CtrlClass::kNotfCoal,
       virtio_user::kCtrlNotfCoalVqSet},
  };
  Words words;
  for (const Command& command : kCommands) {
    words.push_back(Number(std::string("VIRTIO_NET_") + command.name,
                           static_cast<uint64_t>(command.command_class) |
                               static_cast<uint64_t>(command.command) << 8,
                           2));
  }
  words.push_back(Number("DESC_F_NEXT", virtio_user::kDescFlagNext, 2));
  words.push_back(Number("DESC_F_WRITE", virtio_user::kDescFlagWrite, 2));
  words.push_back(Number("DESC_F_INDIRECT", virtio_user::kDescFlagIndirect, 2));
  words.push_back(Number("DESC_F_AVAIL", virtio_user::kPackedFlagAvail, 2));
  return words;
}

void AddOptions(Words& words, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      AddText(words, "option", "\n--" + name + "\n");
    }
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    AddText(words, "command", command->get_name() + "\n");
    AddOptions(words, *command);
  }
}

// What a refusal says that there is.
void AddSettings(Words& words) {
  backend_sim::Scenario scenario;
  std::string names = *SetFromText("", "", scenario);
  names.erase(0, names.rfind("there is ") + 9);
  while (!names.empty()) {
    const size_t comma = std::min(names.find(", "), names.size());
    AddText(words, "set", "\nset " + names.substr(0, comma) + " ");
    names.erase(0, std::min(comma + 2, names.size()));
  }
}

Words Options() {
  Words words;
  AddOptions(words, virtio_user::cli::CommandLine().app());
  for (const std::string& name : backend_sim::BackendNames()) {
    AddText(words, "backend", name);
  }
  for (const backend_sim::OpInfo& op : backend_sim::AllOps()) {
    AddText(words, "operation", "\n" + std::string(op.name));
  }
  for (const auto& way : backend_sim::kFaultWays) {
    AddText(words, "fault", std::string(way.name) + "@");
  }
  for (const auto& path : virtio_user::AllDataPaths()) {
    AddText(words, "path", path.name);
  }
  AddSettings(words);
  // An option that several commands have is one word.
  std::ranges::sort(words, {}, &Seed::name);
  const auto same = std::ranges::unique(words, {}, &Seed::name);
  words.erase(same.begin(), same.end());
  return words;
}

Words KernelAnswers() {
  Words words;
  AddFeatures(words, 0, 63);
  words.push_back(Number("VHOST_BACKEND_F_IOTLB_MSG_V2",
                         virtio_user::kBackendIotlbMsgV2, 8));
  words.push_back(Number("VHOST_BACKEND_F_IOTLB_BATCH",
                         virtio_user::kBackendIotlbBatch, 8));
  words.push_back(
      Number("VHOST_BACKEND_F_IOTLB_ASID", virtio_user::kBackendIotlbAsid, 8));
  words.push_back(
      Number("VHOST_BACKEND_F_SUSPEND", virtio_user::kBackendSuspend, 8));
  AddText(words, "text", "VmPin:\t");
  AddText(words, "text", "Max locked memory ");
  return words;
}

Words Masks() {
  Words words;
  AddFeatures(words, 0, 127);
  return words;
}

Words Answers() {
  Words words;
  AddRequests(words);
  AddFeatures(words, 0, 63);
  AddProtocolFeatures(words);
  return words;
}

// Besides the words of messages, whole actions.
Words FrontEnd() {
  Words words = Answers();
  for (const backend_sim::RequestRule& rule : backend_sim::RequestRules()) {
    words.push_back(Number("send_" + std::string(rule.name),
                           rule.number | backend_sim::kWireVersion << 8, 2));
  }
  constexpr std::pair<const char*, uint8_t> kActions[] = {
      {"raw", kRaw},     {"memory", kMemory},       {"kick", kKick},
      {"serve", kServe}, {"reconnect", kReconnect}, {"fail_map", kFailMap}};
  for (const auto& [name, number] : kActions) {
    words.push_back(Number(name, number, 1));
  }
  return words;
}

Words Captures() {
  constexpr std::pair<const char*, uint32_t> kWords[] = {
      {"pcap_microseconds", 0xa1b2c3d4},
      {"pcap_nanoseconds", 0xa1b23c4d},
      {"pcap_modified", 0xa1b2cd34},
      {"pcapng_section", 0x0a0d0d0a},
      {"pcapng_order", 0x1a2b3c4d},
      {"pcapng_interface", 1},
      {"pcapng_packet", 2},
      {"pcapng_simple_packet", 3},
      {"pcapng_enhanced_packet", 6},
      {"snapshot", 262144}};
  Words words;
  for (const auto& [name, number] : kWords) {
    words.push_back(Number(name, number, 4));
  }
  return words;
}

}  // namespace

std::vector<Dictionary> Dictionaries() {
  return {{"control_queue_fuzz", Commands()},
          {"feature_mask_fuzz", Masks()},
          {"kernel_reply_fuzz", KernelAnswers()},
          {"options_fuzz", Options()},
          {"pcap_fuzz", Captures()},
          {"vhost_user_reply_fuzz", Answers()},
          {"vhost_user_server_fuzz", FrontEnd()}};
}

std::string ToText(const Dictionary& dictionary) {
  std::string text = "# Of " + std::string(dictionary.target) +
                     "; bazel run //fuzz:make_dict writes it.\n";
  for (const Seed& word : dictionary.words) {
    text += word.name + "=\"";
    for (const std::byte byte : word.bytes) {
      char escaped[5];
      std::snprintf(escaped, sizeof(escaped), "\\x%02x",
                    std::to_integer<unsigned>(byte));
      text += escaped;
    }
    text += "\"\n";
  }
  return text;
}

}  // namespace fuzz
