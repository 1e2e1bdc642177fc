// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/kernel_session.h"

#include <regex>
#include <sstream>
#include <utility>

namespace interop {
namespace {

using virtio_user::CtrlClass;
using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::Result;

}  // namespace

std::string Play(const KernelSession& session) {
  struct Step {
    const char* name;
    std::function<Result<void>()> act;
  };
  const auto start = [&] { return session.device.Start(); };
  const auto stop = [&] { return session.device.Stop(); };
  const auto switch_pairs = [&]() -> Result<void> {
    if (session.pairs > 1) session.driver.SetPairs(session.pairs);
    return {};
  };
  // By a command, which the device itself gets if it has a control queue.
  const auto set_address = [&]() -> Result<void> {
    if (!session.device.accepted().Has(Feature::kNetCtrlMacAddr)) return {};
    const uint8_t ack = session.driver.Command(
        CtrlClass::kMac, virtio_user::kCtrlMacAddrSet, {2, 0, 0, 0, 0, 7});
    if (ack == virtio_user::kCtrlAckOk) return {};
    return virtio_user::Fail(ErrorCode::kRefused, "ack %u", ack);
  };
  const Step steps[] = {
      {"set up", [&] { return session.driver.SetUp(session.pairs); }},
      {"start", start},
      {"switch pairs", switch_pairs},
      {"set the address", set_address},
      {"add memory", session.add_memory},
      {"remove memory", session.remove_memory},
      {"stop", stop},
      {"start again", start},
      {"stop again", stop},
  };
  std::string text = "-- create\n" + session.take_calls();
  for (const Step& step : steps) {
    const Result<void> done = step.act();
    text += std::string("-- ") + step.name + "\n" + session.take_calls();
    if (!done)
      return text + "-- failed: " + std::string(done.error().text()) + "\n";
  }
  return text;
}

std::string Essence(std::string_view transcript) {
  static const std::regex hexadecimal("0x[0-9a-f]+");
  static const std::regex quoted("'[^']*'");
  std::istringstream lines{std::string(transcript)};
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("_STATUS") == line.npos) {
      line = std::regex_replace(line, hexadecimal, "#");
    }
    text += std::regex_replace(line, quoted, "'#'") + "\n";
  }
  return text;
}

std::string WithoutArguments(std::string_view transcript) {
  static const std::regex ioctl("([A-Z0-9_]+ fd=\\S+).* = (\\S+).*");
  std::istringstream lines{std::string(transcript)};
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (line.starts_with("open ")) {
      text += line + "\n";
    } else if (std::regex_match(line, found, ioctl)) {
      text += found[1].str() + " = " + found[2].str() + "\n";
    }
  }
  return text;
}

std::string NamesAndAnswers(std::string_view transcript) {
  // A write answers the length of what it wrote.
  static const std::regex call(
      "(open|VHOST_[A-Z0-9_]+|IOTLB [A-Z_]+)[^=]*(?:fd=[^=]*)?"
      " = (?:-?(E[A-Z]+)|[0-9]+).*");
  std::istringstream lines{std::string(transcript)};
  std::string text;
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    std::smatch found;
    if (!std::regex_match(line, found, call)) continue;
    const std::string why = found[2].matched ? found[2].str() : "0";
    std::string now = found[1].str() + " = " + why + "\n";
    if (now == last) continue;
    text += now;
    last = std::move(now);
  }
  return text;
}

}  // namespace interop
