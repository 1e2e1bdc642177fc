// SPDX-License-Identifier: BSD-3-Clause

#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "cli/feature_text.h"
#include "cli/printable_text.h"
#include "cli/text_table.h"

namespace virtio_user::cli {
namespace {

std::string FeatureSection(const FeatureResult& features) {
  TextTable table({"features", "back-end", "offered", "accepted", "forwarded"},
                  TextTable::Others::kLeft);
  const FeatureSet any = features.device | features.offered |
                         features.accepted | features.forwarded;
  const auto mark = [](FeatureSet set, unsigned bit) {
    return std::string(set.HasBit(bit) ? "yes" : "-");
  };
  for (unsigned bit = 0; bit < kFeatureBits; ++bit) {
    if (!any.HasBit(bit)) continue;
    table.Add({FeatureText(bit), mark(features.device, bit),
               mark(features.offered, bit), mark(features.accepted, bit),
               mark(features.forwarded, bit)});
  }
  return table.Text();
}

std::string ProtocolSection(const ProtocolResult& protocol) {
  const auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  TextTable table({"protocol", ""}, TextTable::Others::kLeft);
  table.Add(
      {"queue pairs, at most", fmt::format("{}", protocol.max_queue_pairs)});
  table.Add({"rings are enabled by message", yes_no(protocol.ring_enable)});
  table.Add({"device status", yes_no(protocol.status)});
  table.Add({"configuration space", yes_no(protocol.config)});
  if (!protocol.offered) {
    table.Add({"protocol features", "none"});
  } else {
    const char* name = "protocol features of the back-end";
    for (const std::string& text : ProtocolFeatureTexts(*protocol.offered)) {
      table.Add({name, text});
      name = "";
    }
  }
  return table.Text();
}

std::string PathSection(const RunResult& result) {
  const RunOptions& options = result.options;
  const PathResult& path = *result.path;
  std::string text = fmt::format("data path: {}\n", path.text);
  text += fmt::format(
      "  rings of {}, buffers of {} bytes, {} indirect tables, bursts of {}",
      options.queue_size, path.buffer_bytes, path.indirect ? "with" : "no",
      path.burst);
  if (path.burst < options.burst) {
    text +=
        fmt::format(": these rings have no room for --burst {}", options.burst);
  }
  text += "\n";
  if (!options.capture) {
    return text + fmt::format("  frames of {} bytes\n", ToText(options.sizes));
  }
  text += fmt::format("  {} packets of {}", options.capture->size(),
                      Printable(*options.pcap_in));
  const size_t cut = options.capture->truncated_count();
  if (cut != 0) {
    text += fmt::format(
        ", {} of them cut short by the capture: sent as they are", cut);
  }
  text += "\n";
  if (result.capture && options.pcap_out) {
    text += fmt::format("  {} packets in {}\n", result.capture->returned.size(),
                        Printable(*options.pcap_out));
  }
  return text;
}

std::string PairSection(const RunResult& result) {
  TextTable table({"pair", "sent", "bytes", "received", "bytes"},
                  TextTable::Others::kRight);
  PairCounts sum;
  const auto add = [&](std::string name, const PairCounts& counts) {
    table.Add({std::move(name), fmt::format("{}", counts.sent),
               fmt::format("{}", counts.sent_bytes),
               fmt::format("{}", counts.received),
               fmt::format("{}", counts.received_bytes)});
  };
  for (size_t pair = 0; pair < result.pairs.size(); ++pair) {
    const PairCounts& counts = result.pairs[pair];
    add(fmt::format("{}", pair), counts);
    sum.sent += counts.sent;
    sum.sent_bytes += counts.sent_bytes;
    sum.received += counts.received;
    sum.received_bytes += counts.received_bytes;
  }
  if (result.pairs.size() > 1) add("all", sum);
  return table.Text();
}

std::string PhaseSection(const RunResult& result) {
  TextTable table({"phase", "ms", "packets", "packets/s"},
                  TextTable::Others::kRight);
  Duration all{0};
  for (const PhaseResult& phase : result.phases) {
    const double seconds = std::chrono::duration<double>(phase.time).count();
    all += phase.time;
    const bool traffic = phase.packets != 0;
    table.Add({phase.name, fmt::format("{:.3f}", seconds * 1000),
               traffic ? fmt::format("{}", phase.packets) : "",
               traffic && seconds > 0
                   ? fmt::format("{:.0f}",
                                 static_cast<double>(phase.packets) / seconds)
                   : ""});
  }
  table.Add(
      {"all",
       fmt::format("{:.3f}", std::chrono::duration<double>(all).count() * 1000),
       "", ""});
  return table.Text();
}

std::string MessageSection(const RunResult& result) {
  const MessageCounts& counts = result.messages;
  const bool simulated = result.options.simulated();
  TextTable table({simulated ? "messages, and calls of the channel"
                             : "messages, and system calls for them",
                   ""},
                  TextTable::Others::kRight);
  const auto add = [&](const char* name, uint64_t value) {
    table.Add({name, fmt::format("{}", value)});
  };
  add("messages sent", counts.sent);
  add("answers received", counts.received);
  add("bytes sent", counts.bytes_sent);
  add("bytes received", counts.bytes_received);
  add("calls: connect", counts.attach_calls);
  add("calls: send", counts.send_calls);
  add("calls: receive", counts.receive_calls);
  add("calls: wait", counts.wait_calls);
  add("control commands", result.control_commands);
  add("starts", result.starts);
  return table.Text();
}

std::string Milliseconds(Duration time) {
  return fmt::format("{:.3f}",
                     std::chrono::duration<double>(time).count() * 1000);
}

// Median and worst of what is there.
std::vector<std::string> Spread(std::string name, std::vector<Duration> times) {
  if (times.empty()) return {std::move(name), "-", "-"};
  std::ranges::sort(times);
  return {std::move(name), Milliseconds(times[times.size() / 2]),
          Milliseconds(times.back())};
}

std::string ReconnectSection(const RunResult& result) {
  std::vector<Duration> away;
  std::vector<Duration> first;
  std::vector<Duration> calls;
  uint64_t lost = result.lost_early;
  for (const ReconnectResult& each : result.reconnects) {
    away.push_back(each.away);
    if (each.first_packet) first.push_back(*each.first_packet);
    calls.push_back(each.longest_call);
    lost += each.lost;
  }
  TextTable table(
      {"the back-end went away and came back, ms", "median", "worst"},
      TextTable::Others::kRight);
  table.Add(Spread("until it was there again", std::move(away)));
  table.Add(Spread("then, until the first packet", std::move(first)));
  table.Add(Spread("longest call to the device", std::move(calls)));
  return fmt::format("reconnects: {}\nlost packets: {}\n",
                     result.reconnects.size(), lost) +
         table.Text();
}

std::string ProblemSection(const Failure& failure) {
  std::string text = "  problems\n";
  for (const std::string& detail : failure.details) {
    text += "  " + Printable(detail) + "\n";
  }
  return text;
}

}  // namespace

std::string VerdictLine(const std::optional<Failure>& failure) {
  if (!failure) return "verdict: pass\n";
  return fmt::format("verdict: FAIL ({})\n", Printable(failure->text));
}

std::string RunReport(const RunResult& result) {
  std::string text =
      fmt::format("back-end: {}{}\n", Printable(result.options.backend),
                  result.options.server ? " (it connects)" : "");
  if (result.negotiated) {
    text += "\n" + FeatureSection(result.features);
    text += "\n" + ProtocolSection(result.protocol);
  }
  if (result.path) text += "\n" + PathSection(result);
  if (!result.pairs.empty()) text += "\n" + PairSection(result);
  text += "\n" + PhaseSection(result);
  text += "\n" + MessageSection(result);
  if (result.options.reconnect) text += "\n" + ReconnectSection(result);
  if (result.failure && !result.failure->details.empty()) {
    text += "\n" + ProblemSection(*result.failure);
  }
  text += "\n";
  if (result.trace_hash) {
    text += fmt::format("seed: {}\ntrace hash: {}\n", result.options.seed,
                        *result.trace_hash);
  }
  return text + VerdictLine(result.failure);
}

}  // namespace virtio_user::cli
