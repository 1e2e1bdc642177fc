// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/told_state.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

namespace fuzz {

namespace {

constexpr const char* kNames[] = {"OPEN",          "OWNER",
                                  "FEATURES",      "MEM_TABLE",
                                  "MEM_REGION",    "NUM",
                                  "BASE",          "ADDR",
                                  "CALL",          "KICK",
                                  "BACKEND",       "ENABLE",
                                  "TUNSETIFF",     "DETACHED",
                                  "TUNSETSNDBUF",  "TUNSETVNETHDRSZ",
                                  "TUNSETOFFLOAD", "BACKEND_FEATURES",
                                  "CONFIG_CALL",   "CONFIG",
                                  "STATUS",        "SUSPEND",
                                  "GROUP_ASID",    "MAPPING",
                                  "BATCH"};
static_assert(std::size(kNames) == static_cast<size_t>(Told::kBatch) + 1);

}  // namespace

std::string TextOf(const ToldState::Entry& entry) {
  char text[192];
  const auto& [key, value] = entry;
  const auto number = [&](size_t i) {
    return static_cast<unsigned long long>(value[i]);
  };
  std::snprintf(text, sizeof(text),
                "%s of %u at 0x%llx: 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx",
                kNames[static_cast<size_t>(key.what)], key.of,
                static_cast<unsigned long long>(key.place), number(0),
                number(1), number(2), number(3), number(4));
  return text;
}

void ToldState::Set(const ToldKey& key, const ToldValue& value) {
  const auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  if (at != entries_.end() && at->key == key) {
    at->value = value;
  } else {
    entries_.insert(at, {.key = key, .value = value});
  }
}

void ToldState::Erase(const ToldKey& key) {
  const auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  if (at != entries_.end() && at->key == key) entries_.erase(at);
}

void ToldState::EraseAll(Told what) {
  std::erase_if(entries_,
                [&](const Entry& entry) { return entry.key.what == what; });
}

void ToldState::Reset() {
  std::erase_if(entries_, [](const Entry& entry) {
    const Told what = entry.key.what;
    return what == Told::kFeatures ||
           (what >= Told::kNum && what <= Told::kEnable) ||
           what == Told::kConfigCall || what == Told::kStatus ||
           what == Told::kSuspend || what == Told::kGroup;
  });
}

const ToldValue* ToldState::Find(const ToldKey& key) const {
  const auto at = std::ranges::lower_bound(entries_, key, {}, &Entry::key);
  return at != entries_.end() && at->key == key ? &at->value : nullptr;
}

uint64_t ToldState::Number(const ToldKey& key) const {
  const ToldValue* const value = Find(key);
  return value == nullptr ? 0 : value->front();
}

std::optional<std::string> ToldState::DifferenceTo(
    const ToldState& other) const {
  if (entries_ == other.entries_) return std::nullopt;
  const auto [mine, theirs] = std::ranges::mismatch(entries_, other.entries_);
  const auto text = [](const auto& at, const auto& of) {
    return at == of.end() ? std::string("nothing more") : TextOf(*at);
  };
  return text(mine, entries_) + ", and not " + text(theirs, other.entries_);
}

}  // namespace fuzz
