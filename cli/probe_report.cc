// SPDX-License-Identifier: BSD-3-Clause

#include "cli/probe_report.h"

#include <fmt/format.h>

#include "cli/feature_text.h"
#include "cli/net_config.h"
#include "cli/printable_text.h"
#include "cli/text_table.h"

namespace virtio_user::cli {

std::string ProbeReport(const ProbeResult& result) {
  const auto yes_no = [](bool value) { return value ? "yes" : "no"; };
  TextTable facts({"back-end", Printable(result.backend)},
                  TextTable::Others::kLeft);
  facts.Add(
      {"queue pairs, at most", fmt::format("{}", result.caps.max_queue_pairs)});
  facts.Add({"memory regions, at most",
             fmt::format("{}", result.caps.max_memory_regions)});
  facts.Add({"memory is told of by regions", yes_no(result.caps.memory_slots)});
  facts.Add({"rings are enabled by message", yes_no(result.caps.ring_enable)});
  facts.Add({"device status", yes_no(result.caps.status)});
  for (const auto& [name, value] : ConfigFields(result.config)) {
    facts.Add({"configuration: " + name, value});
  }
  if (result.config.empty()) facts.Add({"configuration space", "no"});
  std::string text = facts.Text();
  text += fmt::format("\n  features ({:#018x})\n", result.features.low());
  for (const std::string& name : FeatureTexts(result.features)) {
    text += "    " + name + "\n";
  }
  if (!result.protocol_features) return text + "\n  no protocol features\n";
  text += fmt::format("\n  protocol features ({:#018x})\n",
                      *result.protocol_features);
  for (const std::string& name :
       ProtocolFeatureTexts(*result.protocol_features)) {
    text += "    " + name + "\n";
  }
  return text;
}

}  // namespace virtio_user::cli
