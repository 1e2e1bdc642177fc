// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/script_bytes.h"

#include <algorithm>

#include "backend_sim/bytes_entropy.h"
#include "fuzz/reader.h"

namespace fuzz {

using backend_sim::Operation;
using backend_sim::OpKind;

namespace {

Operation OperationOf(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Operation operation{
      .kind = static_cast<OpKind>(reader.Word() % backend_sim::kOpKinds),
      .a = static_cast<uint32_t>(reader.Number(2)),
      .b = static_cast<uint32_t>(reader.Number(4)),
      .salt = static_cast<uint32_t>(reader.Number(4))};
  // Tens of thousands of frames are no matter of a fuzzer's.
  if (operation.kind == OpKind::kAge) operation.kind = OpKind::kTransmit;
  return operation;
}

}  // namespace

backend_sim::Script ScriptOf(std::span<const std::byte> bytes) {
  backend_sim::Script script;
  const size_t head = std::min(bytes.size(), kScenarioBytes);
  backend_sim::BytesEntropy entropy(
      bytes.first(std::min(head, kScenarioBytes - 1)));
  script.scenario = backend_sim::DrawScenario(entropy);
  // A back-end of 128 pairs takes its time, and is no other one.
  script.scenario.max_pairs = script.scenario.pairs + 1;
  bytes = bytes.subspan(head);
  while (bytes.size() >= kOperationBytes &&
         script.operations.size() < kMostOperations) {
    script.operations.push_back(OperationOf(bytes.first(kOperationBytes)));
    bytes = bytes.subspan(kOperationBytes);
  }
  return script;
}

std::vector<std::byte> BytesOf(
    std::span<const std::byte, kScenarioBytes> scenario,
    std::span<const Operation> operations) {
  std::vector<std::byte> bytes(scenario.begin(), scenario.end());
  for (const Operation& operation : operations) {
    Append(bytes, static_cast<uint64_t>(operation.kind), 2);
    Append(bytes, operation.a, 2);
    Append(bytes, operation.b, 4);
    Append(bytes, operation.salt, 4);
  }
  return bytes;
}

}  // namespace fuzz
