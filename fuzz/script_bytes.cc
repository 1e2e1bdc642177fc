// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/script_bytes.h"

#include <algorithm>

#include "backend_sim/bytes_entropy.h"

namespace fuzz {

using backend_sim::Operation;
using backend_sim::OpKind;

namespace {

constexpr size_t kArgumentA = 2;  // Two bytes,
constexpr size_t kArgumentB = 4;  // four,
constexpr size_t kSalt = 8;       // and four.

uint32_t Number(std::span<const std::byte> bytes) {
  uint32_t number = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    number = number << 8 | std::to_integer<uint32_t>(bytes[i - 1]);
  }
  return number;
}

void PutNumber(uint32_t number, std::span<std::byte> bytes) {
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(number & 0xff);
    number >>= 8;
  }
}

Operation OperationOf(std::span<const std::byte> bytes) {
  const auto kind = std::to_integer<size_t>(bytes[0]);
  Operation operation{.kind = static_cast<OpKind>(kind % backend_sim::kOpKinds),
                      .a = Number(bytes.subspan(kArgumentA, 2)),
                      .b = Number(bytes.subspan(kArgumentB, 4)),
                      .salt = Number(bytes.subspan(kSalt, 4))};
  // Tens of thousands of frames are no matter of a fuzzer's.
  if (operation.kind == OpKind::kAge) operation.kind = OpKind::kTransmit;
  return operation;
}

}  // namespace

backend_sim::Script ScriptOf(std::span<const std::byte> bytes) {
  backend_sim::Script script;
  const size_t head = std::min(bytes.size(), kScenarioBytes);
  backend_sim::BytesEntropy entropy(bytes.first(head));
  script.scenario = backend_sim::DrawScenario(entropy);
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
    const size_t at = bytes.size();
    bytes.resize(at + kOperationBytes);
    const std::span<std::byte> record = std::span(bytes).subspan(at);
    record[0] = static_cast<std::byte>(operation.kind);
    PutNumber(operation.a, record.subspan(kArgumentA, 2));
    PutNumber(operation.b, record.subspan(kArgumentB, 4));
    PutNumber(operation.salt, record.subspan(kSalt, 4));
  }
  return bytes;
}

}  // namespace fuzz
