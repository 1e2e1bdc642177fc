// SPDX-License-Identifier: BSD-3-Clause

#include "cli/probe.h"

#include "backend_sim/wire_request.h"
#include "cli/net_config.h"

namespace virtio_user::cli {
namespace {

// What the answers say, as they came.
void ReadAnswers(const MessageTap& tap, ProbeResult& result) {
  if (const auto word = tap.LastAnswer(backend_sim::kReqGetFeatures)) {
    result.features = FeatureSet::FromWords(*word);
  }
  result.protocol_features =
      tap.LastAnswer(backend_sim::kReqGetProtocolFeatures);
  result.queue_num = tap.LastAnswer(backend_sim::kReqGetQueueNum);
}

Result<void> Ask(VhostBackend& backend, Duration timeout, ProbeResult& result) {
  backend.BeginCall(timeout);
  if (auto attached = backend.link().Attach(); !attached) return attached;
  if (auto owned = backend.SetOwner(); !owned) return owned;
  const Result<FeatureSet> features = backend.GetFeatures();
  if (!features) return Fail(features);
  result.caps = backend.caps();
  result.features = *features;
  if (!result.caps.config) return {};
  result.config.resize(kNetConfigBytes);
  const auto config = backend.GetConfig(0, result.config);
  if (config) return {};
  result.config.clear();
  // A refusal is an answer.
  return config.error().code() == ErrorCode::kRefused ? Result<void>() : config;
}

}  // namespace

std::expected<ProbeResult, Failure> Probe(Environment& environment,
                                          Duration timeout) {
  auto backend = environment.OpenBackend();
  if (!backend) return std::unexpected(backend.error());
  ProbeResult result;
  const Result<void> asked = Ask(**backend, timeout, result);
  (*backend)->link().Detach();
  if (!asked) {
    return std::unexpected(ExplainError(environment, asked.error()));
  }
  ReadAnswers(environment.tap(), result);
  return result;
}

}  // namespace virtio_user::cli
