// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/front_end_input.h"

#include <algorithm>

#include "backend_sim/wire.h"
#include "fuzz/reader.h"

namespace fuzz {

using backend_sim::Personality;
using backend_sim::Strictness;

namespace {

constexpr size_t kStrictnesses = 3;

// How many in the lower half, of what in the upper one.
std::vector<PassedFile> FilesOf(uint8_t byte) {
  const size_t count = std::min<size_t>(byte & 0xf, backend_sim::kWireMaxFds);
  return std::vector<PassedFile>(
      count, static_cast<PassedFile>((byte >> 4) % kPassedFiles));
}

std::vector<std::byte> Copy(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

FrontEndAction Message(uint8_t request, Reader& input) {
  FrontEndAction action{.what = FrontEndDoes::kSend};
  const uint8_t flags = input.Byte();
  action.fds = FilesOf(input.Byte());
  const auto payload = input.Chunk();
  backend_sim::EncodeHeader(
      {request, flags, static_cast<uint32_t>(payload.size())}, action.bytes);
  action.bytes.insert(action.bytes.end(), payload.begin(), payload.end());
  return action;
}

FrontEndAction NextAction(Reader& input) {
  const uint8_t what = input.Byte();
  if (what < kRaw) return Message(what, input);
  FrontEndAction action;
  if (what < kMemory) {
    action.what = FrontEndDoes::kSend;
    action.fds = FilesOf(input.Byte());
    action.bytes = Copy(input.Chunk());
  } else if (what < kKick) {
    action.what = FrontEndDoes::kWrite;
    action.at = input.Word();
    action.bytes = Copy(input.Chunk());
  } else if (what < kServe) {
    action.what = FrontEndDoes::kKick;
  } else if (what < kReconnect) {
    action.what = FrontEndDoes::kServe;
  } else if (what < kFailMap) {
    action.what = FrontEndDoes::kReconnect;
  } else {
    action.what = FrontEndDoes::kFailMap;
  }
  return action;
}

// Who breaks the protocol himself, or goes when he likes, proves nothing.
std::vector<Personality> Servers() {
  std::vector<Personality> servers;
  for (const std::string_view name : backend_sim::PersonalityNames()) {
    Personality server = *backend_sim::FindPersonality(name);
    if (server.hostile || server.crash_per_mille != 0) continue;
    server.max_pairs = std::min<uint32_t>(server.max_pairs, 2);
    server.queue_num = std::min<uint64_t>(server.queue_num, 2);
    servers.push_back(std::move(server));
  }
  return servers;
}

const std::vector<Personality>& KnownServers() {
  static const auto* const kServers = new std::vector<Personality>(Servers());
  return *kServers;
}

}  // namespace

FrontEndInput FrontEndInputOf(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  FrontEndInput input{.server = reader.Word(), .actions = {}};
  while (!reader.empty() && input.actions.size() < kMostFrontEndActions) {
    input.actions.push_back(NextAction(reader));
  }
  return input;
}

// Number 0 is the first one as it is.
Personality ServerFor(uint16_t number) {
  const auto& servers = KnownServers();
  Personality server = servers[number % servers.size()];
  const size_t strictness = number / servers.size() % (kStrictnesses + 1);
  if (strictness != 0) {
    server.strictness = static_cast<Strictness>(strictness - 1);
  }
  return server;
}

size_t ServerCount() { return KnownServers().size() * (kStrictnesses + 1); }

}  // namespace fuzz
