// SPDX-License-Identifier: BSD-3-Clause

#include "cli/sequence_bands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/operation_text.h"
#include "cli/sequence_diagram.h"

namespace virtio_user::cli {

using backend_sim::LifeState;
using backend_sim::Operation;
using backend_sim::OpResult;

namespace {

// Pixels. All rings together take no more than the first.
constexpr double kMostRingsWidth = 240;
constexpr double kWidestStep = 24;
constexpr double kMarkWidth = 11;

// Symbols that SequenceDiagram defines.
constexpr std::array<std::string_view, kMarkKinds> kSymbols{
    "meant", "starts", "stops", "breaks",
    "kick",  "taken",  "given", "interrupt"};
constexpr std::array<std::string_view, kMarkKinds> kMarkNames{
    "is meant",
    "starts",
    "stops",
    "breaks",
    "kick",
    "packets from the driver",
    "packets to the driver",
    "interrupt"};

// Classes of rows by RowKind.
constexpr std::array<std::string_view, 10> kRowClasses{
    "msg",   "ans",   "up",   "down fe-end", "down be-end",
    "fault", "wrong", "ring", "mem",         "pkt"};

std::string_view StateClass(LifeState state) {
  constexpr std::array<std::string_view, backend_sim::kLifeStates> kClasses{
      "s-none", "s-created", "s-negotiated", "s-running", "s-needs-reset"};
  return kClasses[static_cast<size_t>(state) % kClasses.size()];
}

double StepFor(size_t rings) {
  return rings == 0 ? kWidestStep
                    : std::min(kWidestStep,
                               kMostRingsWidth / static_cast<double>(rings));
}

// An operation's name, arguments and result.
std::string Who(const SequenceBand& band) {
  Operation plain = band.operation;
  plain.salt = 0;
  const std::string text = ToText(plain);
  const size_t space = std::min(text.find(' '), text.size());
  const std::string meaning = MeaningOf(band.operation);
  const std::string_view actor = ActorName(InfoOf(band.operation.kind).actor);
  std::string_view result_class = "none";
  if (band.result == OpResult::kDone) result_class = "ok";
  if (band.result == OpResult::kFailed) result_class = "failed";
  if (!band.result) result_class = "lost";
  return fmt::format(
      "<div class=\"who a-{}\" title=\"{}\"><div class=\"stay\"><span "
      "class=\"no\">{}</span>"
      "<b>{}</b> <span class=\"result {}\">{}</span>"
      "<div class=\"args\">{}{}<code>{}</code></div>{}</div></div>",
      actor, HtmlText(ToText(band.operation)), band.number,
      HtmlText(text.substr(0, space)), result_class,
      band.result ? ResultName(*band.result) : "did not come back",
      HtmlText(meaning), meaning.empty() ? "" : " ",
      HtmlText(text.substr(space)),
      band.why.empty()
          ? std::string()
          : "<div class=\"args\">" + HtmlText(band.why) + "</div>");
}

// Several that did nothing, folded.
std::string WhoIdle(const std::vector<SequenceBand>& bands) {
  std::string lines;
  for (const SequenceBand& band : bands) {
    lines += fmt::format("<li><span class=\"no\">{}</span>{}</li>", band.number,
                         HtmlText(ToText(band.operation)));
  }
  return fmt::format(
      "<div class=\"who idle\"><details><summary>{} operations that did "
      "nothing</summary><ul>{}</ul></details></div>",
      bands.size(), lines);
}

// What is written on a row's arrow.
std::string Label(const SequenceRow& row) {
  const bool is_ack = row.details.starts_with("ack value=");
  std::string details = HtmlText(row.details);
  if (is_ack) {
    details = fmt::format("<span class=\"{}\">{}{}</span>",
                          row.refused ? "nack" : "ack",
                          row.refused ? "refused, " : "", details);
  }
  return fmt::format("<span class=\"name\">{}</span>{}<span>{}</span>{}",
                     HtmlText(row.name), row.name.empty() ? "" : " ", details,
                     row.acked        ? "<i class=\"ack\">ack</i>"
                     : row.need_reply ? "<i>need_reply</i>"
                                      : "");
}

// What stands in the column of faults and findings.
std::string Aside(const SequenceRow& row) {
  if (row.kind == RowKind::kFault) {
    return fmt::format("<b>fault</b> {}{}{}", HtmlText(row.name),
                       row.details.empty() ? "" : ", ", HtmlText(row.details));
  }
  if (row.kind == RowKind::kViolation) {
    return fmt::format("<b>{}</b> {}", HtmlText(row.name),
                       HtmlText(row.details));
  }
  return "";
}

std::string Cells(LifeState state, std::string_view state_text, bool connected,
                  std::string_view lane, std::string_view aside) {
  return fmt::format(
      "<div class=\"fe {}\">{}</div><div class=\"lane\">{}</div>"
      "<div class=\"be {}\"></div><div class=\"aside\">{}</div>",
      StateClass(state), state_text, lane, connected ? "on" : "off", aside);
}

}  // namespace

SequenceBands::SequenceBands(const std::vector<uint16_t>& rings)
    : rings_(rings), step_(StepFor(rings.size())) {}

double SequenceBands::CentreOf(size_t column) const {
  return (static_cast<double>(column) + 0.5) * step_;
}

std::string SequenceBands::Columns() const {
  std::string rings;
  // Numbers that have no room beside each other are left out.
  const size_t every = step_ >= 13 ? 1 : step_ >= 7 ? 2 : 8;
  for (size_t i = 0; i < rings_.size(); i += every) {
    rings += fmt::format(
        "<span class=\"ringno\" style=\"left:{:.1f}px\" title=\"ring {}\">{}"
        "</span>",
        CentreOf(i), rings_[i], rings_[i]);
  }
  return fmt::format(
      "<div class=\"cols op\"><div class=\"who\">operation</div>"
      "<div class=\"rows\"><div class=\"row\"><div class=\"fe\">front-end</div>"
      "<div class=\"lane\">{}<div class=\"lab\">{}messages</div></div>"
      "<div class=\"be\">back-end</div>"
      "<div class=\"aside\">faults and findings</div></div></div></div>\n",
      rings, rings_.empty() ? "" : "rings, ");
}

std::string SequenceBands::Group(const SequenceGroup& group) {
  if (group.bands.size() == 1) {
    return Band(group.bands.front(), Who(group.bands.front()));
  }
  return fmt::format(
      "<section class=\"op\">{}<div class=\"rows\">{}</div>"
      "</section>\n",
      WhoIdle(group.bands), End(group.bands.back()));
}

std::string SequenceBands::LastPhase(const SequenceBand& band,
                                     std::string_view name) {
  // What state the device was in, nobody noted.
  return "<div class=\"unknown\">" +
         Band(band, fmt::format("<div class=\"who\"><div class=\"stay\"><b>{}"
                                "</b></div></div>",
                                HtmlText(name))) +
         "</div>";
}

std::string SequenceBands::Band(const SequenceBand& band,
                                const std::string& who) {
  std::string rows;
  for (const SequenceRow& row : band.rows) rows += Row(row, band.before);
  return fmt::format(
      "<section class=\"op{}\" id=\"op{}\">{}<div class=\"rows\">{}{}</div>"
      "</section>\n",
      band.idle() ? " quiet" : "", band.number, who, rows, End(band));
}

std::string SequenceBands::Row(const SequenceRow& row, LifeState state) {
  const std::string lane = fmt::format(
      "<div class=\"rings {}\"></div><div class=\"arrow\"></div>{}{}"
      "<div class=\"lab\">{}</div>",
      LooksClass(row.looks), row.acked ? "<div class=\"back\"></div>" : "",
      Marks(row.marks),
      Aside(row).empty() ? "<span>" + Label(row) + "</span>" : "");
  return fmt::format("<div class=\"row {}{}\">{}</div>",
                     kRowClasses[static_cast<size_t>(row.kind)],
                     row.refused ? " refused" : "",
                     Cells(state, "", row.connected, lane, Aside(row)));
}

std::string SequenceBands::End(const SequenceBand& band) {
  std::string state_text;
  if (band.before != band.after) {
    state_text = fmt::format("<span>{}</span>", LifeStateName(band.after));
  }
  const std::string lane =
      fmt::format("<div class=\"rings {}\"></div>", LooksClass(band.looks));
  return fmt::format("<div class=\"row end\">{}</div>",
                     Cells(band.after, state_text, band.connected, lane, ""));
}

// Those of one ring stand side by side, as far as there is room.
std::string SequenceBands::Marks(const std::vector<RingMark>& marks) const {
  const auto room =
      static_cast<size_t>(std::max(1.0, step_ / (kMarkWidth - 3)));
  std::string text;
  std::map<size_t, std::vector<MarkKind>> by_column;
  for (const RingMark& mark : marks) {
    by_column[mark.column].push_back(mark.kind);
  }
  for (const auto& [column, kinds] : by_column) {
    const size_t count = std::min(room, kinds.size());
    for (size_t i = 0; i < count; ++i) {
      const auto kind = static_cast<size_t>(kinds[i]);
      const double shift =
          (static_cast<double>(i) - static_cast<double>(count - 1) / 2) *
          (kMarkWidth - 3);
      text += fmt::format(
          "<svg class=\"m m-{0}\" style=\"left:{1:.1f}px\"><title>ring {2}: {3}"
          "</title><use href=\"#{0}\"/></svg>",
          kSymbols[kind], CentreOf(column) + shift - kMarkWidth / 2,
          rings_[column], kMarkNames[kind]);
    }
  }
  return text;
}

std::string SequenceBands::LooksClass(const std::vector<RingLook>& looks) {
  return fmt::format("r{}",
                     looks_.try_emplace(looks, looks_.size()).first->second);
}

std::string SequenceBands::Style() const {
  std::string css = fmt::format(":root{{--rings:{:.0f}px}}\n",
                                step_ * static_cast<double>(rings_.size()));
  constexpr std::array<std::string_view, 3> kColours{
      "--ring-stopped", "--ring-started", "--ring-broken"};
  constexpr std::array kWidths{1, 3, 3};
  for (const auto& [looks, number] : looks_) {
    std::string layers;
    for (size_t i = 0; i < looks.size(); ++i) {
      const auto look = static_cast<size_t>(looks[i]);
      layers += fmt::format(
          "{0}linear-gradient(var({1}),var({1})) {2:.1f}px 0/{3}px 100% "
          "no-repeat",
          layers.empty() ? "" : ",", kColours[look],
          CentreOf(i) - kWidths[look] / 2.0, kWidths[look]);
    }
    if (!layers.empty()) {
      css += fmt::format(".r{}{{background:{}}}\n", number, layers);
    }
  }
  return css;
}

}  // namespace virtio_user::cli
