// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_TOLD_STATE_H_
#define FUZZ_TOLD_STATE_H_

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fuzz {

// What a kernel can be told, by what each is of.
enum class Told : uint8_t {
  // Of a file: of a pair's vhost-net, or of the vDPA device.
  kOpen,
  kOwner,
  kFeatures,
  kTable,   // How many regions.
  kRegion,  // Its place: where it is for the driver.
  // Of a ring, which has one number among those of all pairs.
  kNum,
  kBase,
  kAddr,
  kCall,
  kKick,
  kBackend,  // The tap; none: it does not run.
  kEnable,
  // Of a queue of the tap; of queue 0, what is the interface's.
  kInterface,
  kDetached,
  kSendBuffer,
  kHeaderBytes,
  kOffloads,
  // Of the vDPA device.
  kBackendFeatures,
  kConfigCall,
  kConfig,
  kStatus,
  kSuspend,
  kGroup,    // Its address space.
  kMapping,  // Of an address space; its place: the IOVA.
  kBatch,    // One that goes on.
};

struct ToldKey {
  Told what = Told::kOpen;
  uint32_t of = 0;
  uint64_t place = 0;

  friend auto operator<=>(const ToldKey&, const ToldKey&) = default;
};

// As the kernel's headers have the fields, one behind the other.
using ToldValue = std::array<uint64_t, 5>;

// What holds of all that a kernel was told; of what it was told twice, the
// later.
class ToldState {
 public:
  struct Entry {
    ToldKey key;
    ToldValue value{};

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  void Set(const ToldKey& key, const ToldValue& value);
  void Erase(const ToldKey& key);
  // All of a kind, and what only a reset ends.
  void EraseAll(Told what);
  // What a vDPA device forgets when its status becomes 0, that included.
  void Reset();
  void Clear() { entries_.clear(); }

  // Null: nothing.
  const ToldValue* Find(const ToldKey& key) const;
  bool Has(const ToldKey& key) const { return Find(key) != nullptr; }
  // Its first number; 0: nothing.
  uint64_t Number(const ToldKey& key) const;
  // In the order of their keys.
  const std::vector<Entry>& entries() const { return entries_; }

  // The first that the two do not have alike, as a text; nothing: all are.
  std::optional<std::string> DifferenceTo(const ToldState& other) const;

 private:
  std::vector<Entry> entries_;
};

// "NUM of 1: 8 0 0 0 0".
std::string TextOf(const ToldState::Entry& entry);

}  // namespace fuzz

#endif  // FUZZ_TOLD_STATE_H_
