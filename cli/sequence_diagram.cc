// SPDX-License-Identifier: BSD-3-Clause

#include "cli/sequence_diagram.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/operation_text.h"
#include "cli/sequence_bands.h"
#include "cli/sequence_model.h"
#include "cli/sequence_style.h"

namespace virtio_user::cli {

using backend_sim::TraceKind;

namespace {

std::string_view VerdictClass(const Replay& replay) {
  return replay.verdict.code == ExitCode::kPass ? "pass" : "bad";
}

// "backend conforming, pairs 2" as a list.
std::string Facts(const RecordedRun& run) {
  std::string items;
  const auto add = [&items](std::string_view name, std::string_view value) {
    items +=
        fmt::format("<li>{} <b>{}</b></li>", HtmlText(name), HtmlText(value));
  };
  const std::string scenario = ScenarioText(run.scenario);
  std::string_view left = scenario;
  while (!left.empty()) {
    const size_t end = std::min(left.find(", "), left.size());
    const std::string_view fact = left.substr(0, end);
    const size_t space = std::min(fact.find(' '), fact.size());
    add(fact.substr(0, space), fact.substr(std::min(space + 1, fact.size())));
    left.remove_prefix(std::min(end + 2, left.size()));
  }
  const auto count = [&run](TraceKind kind) {
    return std::to_string(
        std::ranges::count(run.records, kind, &backend_sim::TraceRecord::kind));
  };
  add("operations", std::to_string(run.operations.size()));
  add("messages", count(TraceKind::kMessage));
  add("faults", count(TraceKind::kFault));
  if (!run.hash.empty()) add("hash", run.hash);
  return "<ul class=\"facts\">" + items + "</ul>\n";
}

std::string Legend() {
  std::string text = "<div class=\"legend\">";
  for (const std::string_view state :
       {"none", "created", "negotiated", "running", "needs-reset"}) {
    text +=
        fmt::format("<span><i class=\"key state s-{0}\"></i>{0}</span>", state);
  }
  text +=
      "<span><i class=\"key\"></i>message</span>"
      "<span><i class=\"key ans\"></i>answer</span>";
  struct Entry {
    std::string_view symbol;
    std::string_view text;
  };
  for (const Entry& entry :
       {Entry{"meant", "the ring that is meant"},
        Entry{"starts", "ring starts"}, Entry{"stops", "stops"},
        Entry{"breaks", "breaks"}, Entry{"kick", "kick"},
        Entry{"taken", "packets from the driver"},
        Entry{"given", "packets to the driver"},
        Entry{"interrupt", "interrupt"}}) {
    text += fmt::format(
        "<span><svg class=\"m m-{0}\"><use href=\"#{0}\"/></svg>{1}</span>",
        entry.symbol, entry.text);
  }
  return text +
         "<button id=\"unfold\">unfold what did nothing</button></div>\n";
}

std::string Banner(const backend_sim::Finding& finding) {
  const backend_sim::CheckerInfo& checker = InfoOf(finding.checker);
  return fmt::format(
      "<div class=\"banner finding\"><b>{}</b> (step {})<p>{}</p>"
      "<p class=\"why\">It is asked that {}. Source: {}.</p></div>\n",
      checker.name, finding.step, HtmlText(finding.text),
      HtmlText(checker.asks), HtmlText(checker.source));
}

// Findings of the operations, or those that came behind them.
std::string Banners(const RecordedRun& run, bool behind) {
  std::string text;
  for (const backend_sim::Finding& finding : run.findings) {
    if ((finding.step >= run.operations.size()) == behind) {
      text += Banner(finding);
    }
  }
  return text;
}

std::string Picture(const Replay& replay, SequenceBands& bands,
                    const SequenceModel& model) {
  std::string text = bands.Columns();
  for (const SequenceGroup& group : model.groups) text += bands.Group(group);
  const std::string found = Banners(replay.run, false);
  text += found;
  if (model.last_phase) {
    text += bands.LastPhase(*model.last_phase,
                            found.empty()
                                ? "the faults are over: the device comes back "
                                  "to life, then everything ends"
                                : "everything ends");
  }
  text += Banners(replay.run, true);
  const bool ended_otherwise =
      replay.run.findings.empty() && replay.verdict.code != ExitCode::kPass;
  if (ended_otherwise) {
    text += fmt::format("<div class=\"banner\"><b>{}</b></div>\n",
                        HtmlText(replay.verdict.brief));
  }
  return text;
}

}  // namespace

std::string HtmlText(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string SequenceDiagram(const Replay& replay,
                            std::string_view command_line) {
  const RecordedRun& run = replay.run;
  const SequenceModel model = MakeSequence(run);
  SequenceBands bands(model.rings);
  const std::string picture = Picture(replay, bands, model);
  const std::string verdict = HtmlText(replay.verdict.text);
  const std::string brief = HtmlText(replay.verdict.brief);
  const std::string_view look = VerdictClass(replay);
  std::string page = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>{0}: {1}</title>\n<style>{2}{3}{4}{5}</style></head><body>\n{6}"
      "<h1>A simulated run on {0}: <a class=\"{7}\" "
      "href=\"#verdict\">{1}</a></h1>\n{8}",
      HtmlText(run.scenario.backend), brief, kSequenceColours,
      kSequencePageStyle, kSequencePictureStyle, bands.Style(),
      kSequenceSymbols, look, Facts(run));
  page += fmt::format("<div class=\"line\"><code>{}</code></div>\n",
                      HtmlText(command_line));
  page += Legend();
  page += picture;
  page += fmt::format(
      "<p id=\"verdict\" class=\"verdict {}\">verdict: "
      "{}</p>\n<details><summary>The script"
      "</summary><pre>{}</pre></details>\n<script>{}</script></body></html>\n",
      look, verdict, HtmlText(ToText(run.script())), kSequenceScript);
  return page;
}

}  // namespace virtio_user::cli
