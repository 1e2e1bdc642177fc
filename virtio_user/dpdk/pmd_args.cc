// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/dpdk/pmd_args.h"

#include <rte_kvargs.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace virtio_user {
namespace {

constexpr const char* kKeys[] = {"path",      "queues",   "queue_size", "mac",
                                 "mrg_rxbuf", "in_order", "packed_vq",  "cq",
                                 "server",    "timeout",  nullptr};

constexpr int64_t kServerTimeoutSeconds = 60;
constexpr int64_t kMaxTimeoutSeconds = 3600;

struct KvargsFree {
  void operator()(rte_kvargs* list) const { rte_kvargs_free(list); }
};
using Kvargs = std::unique_ptr<rte_kvargs, KvargsFree>;

std::optional<std::string_view> ValueOf(const Kvargs& list, const char* key) {
  const char* const value = rte_kvargs_get(list.get(), key);
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<void> ReadNumber(const Kvargs& list, const char* key, int64_t& number) {
  const auto text = ValueOf(list, key);
  if (!text) return {};
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, number);
  if (read.ec == std::errc() && read.ptr == end) return {};
  return Fail(ErrorCode::kInvalidArgument, "%s=%s: not a whole number", key,
              text->data());
}

Result<void> ReadSwitch(const Kvargs& list, const char* key, bool& on) {
  const auto text = ValueOf(list, key);
  if (!text) return {};
  if (*text != "0" && *text != "1") {
    return Fail(ErrorCode::kInvalidArgument, "%s=%s: 0 or 1 is possible", key,
                text->data());
  }
  on = *text == "1";
  return {};
}

Result<void> ReadTimeout(const Kvargs& list, PmdArgs& args) {
  if (args.backend.role == SocketRole::kServer) {
    args.device.call_budget = std::chrono::seconds(kServerTimeoutSeconds);
  }
  int64_t seconds = 0;
  if (auto read = ReadNumber(list, "timeout", seconds); !read) return read;
  if (!ValueOf(list, "timeout")) return {};
  if (seconds < 1 || seconds > kMaxTimeoutSeconds) {
    return Fail(ErrorCode::kInvalidArgument, "timeout=%s: 1 to %d seconds",
                ValueOf(list, "timeout")->data(),
                static_cast<int>(kMaxTimeoutSeconds));
  }
  args.device.call_budget = std::chrono::seconds(seconds);
  return {};
}

Result<void> ReadMac(const Kvargs& list, PmdArgs& args) {
  const auto text = ValueOf(list, "mac");
  if (!text) return {};
  const auto mac = ParseMacAddress(*text);
  if (!mac) return Fail(mac);
  args.device.mac = *mac;
  return {};
}

bool IsKey(std::string_view word) {
  return std::ranges::any_of(
      kKeys, [&](const char* key) { return key != nullptr && word == key; });
}

Result<void> CheckKeys(const Kvargs& list) {
  for (const rte_kvargs_pair& pair : std::span(list->pairs, list->count)) {
    if (!IsKey(pair.key)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "\"%.40s\" is no argument of net_vuser; these are "
                  "possible: " VIRTIO_USER_PMD_KEYS,
                  pair.key);
    }
    if (pair.value == nullptr) {
      return Fail(ErrorCode::kInvalidArgument,
                  "%s has no value; these are possible: " VIRTIO_USER_PMD_KEYS,
                  pair.key);
    }
  }
  for (const char* const* key = kKeys; *key != nullptr; ++key) {
    const unsigned count = rte_kvargs_count(list.get(), *key);
    if (count > 1) {
      return Fail(ErrorCode::kInvalidArgument, "%s is given %u times", *key,
                  count);
    }
  }
  if (!ValueOf(list, "path") || ValueOf(list, "path")->empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "path=SOCKET is missing: where the back-end is");
  }
  return {};
}

}  // namespace

Result<PmdArgs> ParsePmdArgs(const char* text) {
  // Whatever the keys are: DPDK would not say which one it does not know.
  const Kvargs list(rte_kvargs_parse(text, nullptr));
  if (list == nullptr) {
    return Fail(ErrorCode::kInvalidArgument,
                "cannot read the arguments \"%.60s\"; these are "
                "possible: " VIRTIO_USER_PMD_KEYS,
                text);
  }
  if (auto good = CheckKeys(list); !good) return Fail(good);
  PmdArgs args;
  args.backend.path = *ValueOf(list, "path");
  bool server = false;
  bool control_queue = false;
  for (const auto& read :
       {ReadNumber(list, "queues", args.device.queue_pairs),
        ReadNumber(list, "queue_size", args.device.queue_size),
        ReadMac(list, args),
        ReadSwitch(list, "mrg_rxbuf", args.device.mrg_rxbuf),
        ReadSwitch(list, "in_order", args.device.in_order),
        ReadSwitch(list, "packed_vq", args.device.packed),
        ReadSwitch(list, "cq", control_queue),
        ReadSwitch(list, "server", server)}) {
    if (!read) return Fail(read);
  }
  if (server) args.backend.role = SocketRole::kServer;
  // vhost-net is opened once a pair; sockets have no use for these.
  args.backend.queue_pairs = args.device.queue_pairs;
  args.backend.mac = args.device.mac;
  args.device.control_queue = control_queue || args.device.queue_pairs > 1;
  if (auto read = ReadTimeout(list, args); !read) return Fail(read);
  return args;
}

}  // namespace virtio_user
