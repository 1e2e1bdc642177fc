// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/typed_text.h"

#include <algorithm>

#include "backend_sim/explore/fault_choice.h"
#include "backend_sim/explore/sequence_explorer.h"
#include "backend_sim/simulation/script.h"
#include "cli/frame_sizes.h"
#include "cli/path_options.h"
#include "cli/printable_text.h"
#include "cli/whole_number.h"
#include "fuzz/finding.h"
#include "virtio_user/base/mac_address.h"
#include "virtio_user/os/tap.h"

namespace fuzz {

using virtio_user::ErrorCode;
using virtio_user::MacAddress;

namespace {

// Names of everything that could have been said are among it.
constexpr size_t kMostScriptErrorBytes = 4096;

void CheckMac(const std::string& text) {
  const auto mac = virtio_user::ParseMacAddress(text);
  if (!mac) {
    Expect(mac.error().code() == ErrorCode::kInvalidArgument &&
               mac.error().text().starts_with("mac \""),
           "mac", "a refusal that does not name it");
    return;
  }
  Expect((mac->bytes[0] & 1) == 0 && *mac != MacAddress(), "mac",
         "no station has this address");
  const auto again = virtio_user::ParseMacAddress(ToText(*mac).data());
  Expect(again && *again == *mac, "mac", "what is written is another one");
}

void CheckSizes(const std::string& text) {
  namespace cli = virtio_user::cli;
  const auto sizes = cli::ParseFrameSizes(text);
  if (!sizes) {
    Expect(sizes.error().text.starts_with("--size " + text + ": "), "sizes",
           "a refusal that does not name them");
    return;
  }
  Expect(sizes->min >= cli::kMinFrameBytes && sizes->min <= sizes->max &&
             sizes->max <= cli::kMaxFrameBytesTyped,
         "sizes", "out of their range");
  Expect(cli::ParseFrameSizes(ToText(*sizes)) == *sizes, "sizes",
         "what is written is another range");
}

void CheckInterface(const std::string& text) {
  const auto valid = virtio_user::CheckInterfaceName(text);
  Expect(valid || !valid.error().text().empty(), "ifname", "no reason");
  Expect(!valid || (!text.empty() && text.size() <= 15 &&
                    text.find_first_of("/: \t\n") == std::string::npos),
         "ifname", "no interface can have this name");
}

template <typename T>
void CheckNumber(const std::string& text) {
  std::string value = text;
  const std::string wrong = virtio_user::cli::TakeWholeNumber<T>(value);
  if (!wrong.empty()) {
    Expect(wrong.starts_with(text), "number", "a refusal without the value");
    return;
  }
  // The same digits, but for zeroes in front and the sign of 0.
  const bool negative = text.starts_with('-');
  const size_t digits = text.find_first_not_of('0', negative ? 1 : 0);
  const std::string plain =
      digits == std::string::npos ? "0" : text.substr(digits);
  Expect(value == (negative && plain != "0" ? "-" : "") + plain, "number",
         "another one");
}

void CheckLists(const std::string& text) {
  if (const auto faults = backend_sim::ParseFaultChoices(text)) {
    Expect(std::ranges::all_of(*faults,
                               [](const backend_sim::FaultChoice& choice) {
                                 return choice.way <
                                        backend_sim::kFaultWays.size();
                               }),
           "faults", "a way that there is not");
    const auto again = backend_sim::ParseFaultChoices(TextOf(*faults));
    Expect(again == *faults, "faults", "what is written are others");
  }
  if (const auto ops = backend_sim::ParseLifeOps(text)) {
    Expect(TextOf(*ops) == text, "operations", "what is written are others");
  }
}

void CheckPrintable(const std::string& text) {
  const std::string line = virtio_user::cli::Printable(text);
  Expect(std::ranges::none_of(line,
                              [](char character) {
                                const auto code =
                                    static_cast<unsigned char>(character);
                                return code < 0x20 || code == 0x7f;
                              }),
         "printable", "a terminal would obey it");
  Expect(line.size() <= 4 * text.size(), "printable", "too long");
}

}  // namespace

void CheckScript(std::string_view text) {
  const auto script = backend_sim::ScriptFromText(text);
  if (!script) {
    Expect(!script.error().empty() &&
               script.error().size() <= kMostScriptErrorBytes,
           "script", "no reason, or no end of it");
    return;
  }
  const auto wrong = CheckScenario(script->scenario);
  Expect(!wrong, "script", wrong ? *wrong : "");
  const std::string written = ToText(*script);
  const auto again = backend_sim::ScriptFromText(written);
  Expect(again.has_value(), "script", again ? "" : again.error());
  Expect(*again == *script && ToText(*again) == written, "script",
         "what is written is another one");
}

void CheckValues(const std::string& text) {
  CheckMac(text);
  CheckSizes(text);
  CheckInterface(text);
  CheckNumber<int64_t>(text);
  CheckNumber<uint64_t>(text);
  CheckNumber<uint32_t>(text);
  CheckLists(text);
  CheckPrintable(text);
  const auto* const path = virtio_user::cli::FindPath(text);
  Expect(path == nullptr ||
             virtio_user::cli::PathNames().find(text) != std::string::npos,
         "path", "a name that is not told");
}

}  // namespace fuzz
