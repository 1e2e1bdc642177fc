// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_TRAFFIC_H_
#define CLI_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/environment.h"
#include "cli/ledger.h"
#include "cli/net_driver.h"
#include "cli/run_options.h"

namespace virtio_user::cli {

// Everything that a run has found wrong with its packets: the first few in
// words, all of them counted.
class Problems {
 public:
  void Add(std::string text);
  uint64_t count() const { return count_; }
  // The first one: "A", or "A; and 7 more".
  std::string Text() const;
  // The first few of several, and how many more there are; empty where Text
  // says it all.
  std::vector<std::string> Details() const;

 private:
  static constexpr size_t kMaxKept = 4;

  uint64_t count_ = 0;
  std::vector<std::string> kept_;
};

struct TrafficOptions {
  TrafficKind kind = TrafficKind::kEcho;
  Duration timeout{0};  // Without any progress on a pair.
  uint16_t burst = 32;  // Packets that one call sends or receives, at most.
  // A back-end that goes away ends the traffic and is no problem.
  bool may_lose = false;
  // Follows what is said about a pair on which nothing ever comes.
  std::string advice = "does the back-end serve it?";
};

// Moves packets over the running device. A pair is done once it has sent its
// share and all of it came back (echo), or was taken (send); receive traffic
// is done once as many came as were asked for, on whichever pairs.
class Traffic {
 public:
  // All of these are borrowed.
  struct Parts {
    Environment& environment;
    NetDriver& driver;
    Ledger& ledger;
    const Console& console;
  };
  // Packets moved so far in this call, of how many.
  using OnProgress = std::function<void(uint64_t done, uint64_t total)>;

  Traffic(const TrafficOptions& options, const Parts& parts);

  // Moves `packets` in all on pairs 0 to `pairs` - 1 and lets the rings run
  // dry. Ends early on a problem that more packets cannot mend.
  void Run(uint16_t pairs, uint64_t packets, const OnProgress& on_progress);

  const Problems& problems() const { return problems_; }
  // Whether the back-end went away; then what is missing is not waited for.
  bool lost() const { return lost_; }
  // Packets that this call still owes.
  uint64_t left() const;
  // Of those that were sent before the first came back, how many a back-end
  // that has just come up took and dropped (where `may_lose`).
  uint64_t lost_early() const { return lost_early_; }
  // When the first packet came.
  const std::optional<Duration>& first_arrival() const {
    return first_arrival_;
  }

 private:
  struct Lane {
    uint64_t to_send = 0;
    uint64_t received = 0;
    uint64_t waiting = 0;  // For the back-end, when it was looked at last.
    Duration last_progress{0};
    bool done = false;
  };

  void StartLanes(uint16_t pairs, uint64_t packets);
  // Gives every lane a turn; whether anything moved.
  bool Round();
  bool Send(uint16_t pair);
  // Makes packets of the pair's next frames; how many there were buffers for.
  size_t Make(uint16_t pair, size_t count);
  bool Receive(uint16_t pair);
  void Take(uint16_t pair, const Packet& packet);
  void Judge(uint16_t pair, std::span<const std::byte> frame);
  uint64_t Waiting(uint16_t pair);
  void NoticeProgress();
  bool TriesAgain(uint16_t pair);
  void GiveUp(uint16_t pair);
  void GiveUpReceiving();
  // Whether there is any sense in going on.
  bool Healthy();
  bool AllDone() const;

  const TrafficOptions options_;
  Parts parts_;
  Problems problems_;
  std::vector<Lane> lanes_;  // Of the present call.
  uint64_t moved_ = 0;
  uint64_t total_ = 0;
  bool lost_ = false;
  uint64_t lost_early_ = 0;
  Duration begin_{0};
  std::optional<Duration> first_arrival_;
  std::vector<Packet> packets_;   // Of the present burst.
  std::vector<std::byte> frame_;  // One of them, in one piece.
};

}  // namespace virtio_user::cli

#endif  // CLI_TRAFFIC_H_
