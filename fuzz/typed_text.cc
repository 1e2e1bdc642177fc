// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/typed_text.h"

#include <algorithm>
#include <utility>

#include "backend_sim/explore/fault_choice.h"
#include "backend_sim/explore/sequence_explorer.h"
#include "backend_sim/simulation/script.h"
#include "cli/frame_sizes.h"
#include "cli/path_options.h"
#include "cli/printable_text.h"
#include "cli/whole_number.h"
#include "fuzz/finding.h"
#include "fuzz/typed_readers.h"
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
  const auto meant = ReadMac(text);
  Expect(mac.has_value() == meant.has_value(), "mac",
         meant ? "refused" : "no station has this address");
  if (!mac) {
    return Expect(mac.error().code() == ErrorCode::kInvalidArgument &&
                      mac.error().text().starts_with("mac \""),
                  "mac", "a refusal that does not name it");
  }
  Expect(std::ranges::equal(mac->bytes, *meant), "mac", "another one");
  const auto again = ReadMac(ToText(*mac).data());
  Expect(again == meant, "mac", "what is written is another one");
}

void CheckSizes(const std::string& text) {
  namespace cli = virtio_user::cli;
  const auto sizes = cli::ParseFrameSizes(text);
  const auto meant = ReadSizes(text);
  Expect(sizes.has_value() == meant.has_value(), "sizes",
         meant ? "refused" : "out of their range");
  if (!sizes) {
    return Expect(sizes.error().text.starts_with("--size " + text + ": "),
                  "sizes", "a refusal that does not name them");
  }
  Expect(std::pair(sizes->min, sizes->max) == *meant, "sizes", "others");
  Expect(ReadSizes(ToText(*sizes)) == meant, "sizes",
         "what is written is another range");
}

void CheckInterface(const std::string& text) {
  const auto valid = virtio_user::CheckInterfaceName(text);
  Expect(valid.has_value() == IsInterfaceName(text), "ifname",
         valid ? "no interface can have this name" : "refused");
  Expect(valid || !valid.error().text().empty(), "ifname", "no reason");
}

template <typename T>
void CheckNumber(const std::string& text) {
  std::string value = text;
  const std::string wrong = virtio_user::cli::TakeWholeNumber<T>(value);
  const auto meant = ReadNumber<T>(text);
  Expect(wrong.empty() == meant.has_value(), "number",
         meant ? "refused" : "one that it cannot hold");
  if (!meant) {
    return Expect(wrong.starts_with(text) && wrong.size() > text.size(),
                  "number", "a refusal without the value, or a reason");
  }
  Expect(value == *meant, "number", "another one");
}

void CheckLists(const std::string& text) {
  const auto faults = backend_sim::ParseFaultChoices(text);
  const auto meant = ReadFaults(text);
  Expect(faults.has_value() == meant.has_value(), "faults",
         meant ? "refused" : "a way or a call that there is not");
  if (faults) {
    const auto same = [](const backend_sim::FaultChoice& choice,
                         const ReadFault& fault) {
      return choice.way == fault.first && choice.call == fault.second &&
             choice.request == 0;
    };
    Expect(std::ranges::equal(*faults, *meant, same), "faults", "others");
    Expect(ReadFaults(TextOf(*faults)) == meant, "faults",
           "what is written are others");
  }
  const auto ops = backend_sim::ParseLifeOps(text);
  const auto operations = ReadOperations(text);
  Expect(ops.has_value() == operations.has_value(), "operations",
         operations ? "refused" : "one that there is not");
  if (!ops) return;
  const auto same = [](backend_sim::LifeOp op, size_t place) {
    return static_cast<size_t>(op) == place;
  };
  Expect(std::ranges::equal(*ops, *operations, same), "operations", "others");
  Expect(TextOf(*ops) == text, "operations", "what is written are others");
}

void CheckPath(const std::string& text) {
  const auto* const path = virtio_user::cli::FindPath(text);
  const auto meant = ReadPathName(text);
  Expect((path != nullptr) == meant.has_value(), "path",
         meant ? "refused" : "a name that there is not");
  if (path == nullptr) return;
  Expect(
      (path->format == virtio_user::RingFormat::kPacked) == meant->packed &&
          (path->order == virtio_user::UseOrder::kInOrder) == meant->in_order &&
          (path->merging == virtio_user::Merging::kMergeable) ==
              meant->mergeable,
      "path", "another one");
  Expect(virtio_user::cli::PathNames().find(text) != std::string::npos, "path",
         "a name that is not told");
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
  CheckPath(text);
}

}  // namespace fuzz
