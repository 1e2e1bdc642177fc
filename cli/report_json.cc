// SPDX-License-Identifier: BSD-3-Clause

#include "cli/report_json.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/feature_text.h"
#include "cli/net_config.h"

namespace virtio_user::cli {
namespace {

using nlohmann::ordered_json;

ordered_json Features(FeatureSet features) {
  return {{"mask", fmt::format("{:#018x}", features.low())},
          {"names", FeatureTexts(features)}};
}

ordered_json ProtocolFeatures(std::optional<uint64_t> mask) {
  if (!mask) return nullptr;
  return {{"mask", fmt::format("{:#018x}", *mask)},
          {"names", ProtocolFeatureTexts(*mask)}};
}

ordered_json OrNull(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return *text;
}

ordered_json Options(const RunOptions& options) {
  ordered_json mac = nullptr;
  if (options.mac) mac = ToText(*options.mac).data();
  ordered_json reconnect = nullptr;
  if (options.reconnect) reconnect = options.reconnect->count();
  ordered_json ifname = nullptr;
  if (!options.ifname.empty()) ifname = options.ifname;
  return {{"backend", options.backend},
          {"server", options.server},
          {"queues", options.queues},
          {"queue_size", options.queue_size},
          {"packets", options.packets},
          {"traffic", ToString(options.traffic)},
          {"mac", mac},
          {"ifname", ifname},
          {"mrg_rxbuf", options.path.mrg_rxbuf != Wish::kRefused},
          {"in_order", options.path.in_order != Wish::kRefused},
          {"wishes",
           {{"packed", ToString(options.path.packed)},
            {"in_order", ToString(options.path.in_order)},
            {"mrg_rxbuf", ToString(options.path.mrg_rxbuf)},
            {"indirect", ToString(options.path.indirect)}}},
          {"burst", options.burst},
          {"restarts", options.restarts},
          {"reconnect_ns", reconnect},
          {"size", {options.sizes.min, options.sizes.max}},
          {"personality", OrNull(options.personality)},
          {"pcap_in", OrNull(options.pcap_in)},
          {"pcap_out", OrNull(options.pcap_out)},
          {"timeout_ns", options.timeout.count()},
          {"seed", options.seed}};
}

ordered_json Pairs(const std::vector<PairCounts>& pairs) {
  ordered_json list = ordered_json::array();
  for (size_t pair = 0; pair < pairs.size(); ++pair) {
    const PairCounts& counts = pairs[pair];
    list.push_back({{"pair", pair},
                    {"sent", counts.sent},
                    {"sent_bytes", counts.sent_bytes},
                    {"received", counts.received},
                    {"received_bytes", counts.received_bytes}});
  }
  return list;
}

ordered_json Phases(const std::vector<PhaseResult>& phases) {
  ordered_json list = ordered_json::array();
  for (const PhaseResult& phase : phases) {
    list.push_back({{"name", phase.name},
                    {"packets", phase.packets},
                    {"time_ns", phase.time.count()}});
  }
  return list;
}

ordered_json Reconnects(const std::vector<ReconnectResult>& reconnects) {
  ordered_json list = ordered_json::array();
  for (const ReconnectResult& each : reconnects) {
    ordered_json first_packet = nullptr;
    if (each.first_packet) first_packet = each.first_packet->count();
    list.push_back({{"away_ns", each.away.count()},
                    {"first_packet_ns", first_packet},
                    {"longest_call_ns", each.longest_call.count()},
                    {"lost", each.lost},
                    {"kept_rings", each.kept_rings}});
  }
  return list;
}

ordered_json Messages(const MessageCounts& counts) {
  return {{"sent", counts.sent},
          {"received", counts.received},
          {"bytes_sent", counts.bytes_sent},
          {"bytes_received", counts.bytes_received},
          {"attach_calls", counts.attach_calls},
          {"send_calls", counts.send_calls},
          {"receive_calls", counts.receive_calls},
          {"wait_calls", counts.wait_calls}};
}

ordered_json Protocol(const ProtocolResult& protocol) {
  return {{"features_of_backend", ProtocolFeatures(protocol.offered)},
          {"max_queue_pairs", protocol.max_queue_pairs},
          {"ring_enable", protocol.ring_enable},
          {"status", protocol.status},
          {"config", protocol.config}};
}

ordered_json Path(const std::optional<PathResult>& path) {
  if (!path) return nullptr;
  return {{"name", path->name},
          {"why", path->text},
          {"indirect", path->indirect},
          {"burst", path->burst},
          {"buffer_bytes", path->buffer_bytes},
          {"max_frame_bytes", path->max_frame_bytes}};
}

ordered_json CaptureOf(const std::optional<CaptureResult>& capture) {
  if (!capture) return nullptr;
  return {{"packets", capture->packets},
          {"truncated", capture->truncated},
          {"returned", capture->returned.size()}};
}

// A path or a back-end's text need not be UTF-8.
std::string Dump(const ordered_json& document) {
  return document.dump(2, ' ', false, ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace

std::string RunJson(const RunResult& result) {
  ordered_json document = {{"schema", kJsonSchema},
                           {"command", "run"},
                           {"options", Options(result.options)}};
  document["features"] = nullptr;
  document["protocol"] = nullptr;
  if (result.negotiated) {
    document["features"] = {{"device", Features(result.features.device)},
                            {"offered", Features(result.features.offered)},
                            {"accepted", Features(result.features.accepted)},
                            {"forwarded", Features(result.features.forwarded)}};
    document["protocol"] = Protocol(result.protocol);
  }
  document["path"] = Path(result.path);
  document["capture"] = CaptureOf(result.capture);
  document["pairs"] = Pairs(result.pairs);
  document["phases"] = Phases(result.phases);
  document["messages"] = Messages(result.messages);
  document["control_commands"] = result.control_commands;
  document["starts"] = result.starts;
  document["lost_early"] = result.lost_early;
  document["reconnects"] = Reconnects(result.reconnects);
  document["trace_hash"] = nullptr;
  if (result.trace_hash) document["trace_hash"] = *result.trace_hash;
  document["verdict"] = result.failure ? "fail" : "pass";
  document["reason"] = nullptr;
  document["problems"] = ordered_json::array();
  if (result.failure) {
    document["reason"] = result.failure->text;
    document["problems"] = result.failure->details;
  }
  return Dump(document);
}

std::string ProbeJson(const ProbeResult& result) {
  ordered_json config = nullptr;
  if (!result.config.empty()) {
    config = ordered_json::object();
    config["bytes"] = HexText(result.config);
    for (const auto& [name, value] : ConfigFields(result.config)) {
      config[name] = value;
    }
  }
  ordered_json queue_num = nullptr;
  if (result.queue_num) queue_num = *result.queue_num;
  return Dump(
      {{"schema", kJsonSchema},
       {"command", "probe"},
       {"backend", result.backend},
       {"features", Features(result.features)},
       {"protocol_features", ProtocolFeatures(result.protocol_features)},
       {"queue_num", queue_num},
       {"max_queue_pairs", result.caps.max_queue_pairs},
       {"max_memory_regions", result.caps.max_memory_regions},
       {"memory_slots", result.caps.memory_slots},
       {"ring_enable", result.caps.ring_enable},
       {"status", result.caps.status},
       {"config", config}});
}

}  // namespace virtio_user::cli
