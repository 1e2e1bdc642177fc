// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/scenario.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "backend_sim/personality.h"
#include "backend_sim/vdpa_personality.h"

namespace backend_sim {
namespace {

// A number of a scenario by its name, and what it may be.
struct Field {
  std::string_view name;
  uint32_t Scenario::* value;
  uint32_t least;
  uint32_t most;
};

constexpr std::array kFields = std::to_array<Field>({
    {"pairs", &Scenario::pairs, 1, 16},
    {"queue_size", &Scenario::queue_size, 1, 1024},
    {"control_queue", &Scenario::control_queue, 0, 1},
    {"packed", &Scenario::packed, 0, 1},
    {"in_order", &Scenario::in_order, 0, 1},
    {"mrg_rxbuf", &Scenario::mrg_rxbuf, 0, 1},
    {"mac", &Scenario::mac, 0, 1},
    {"mtu", &Scenario::mtu, 0, 65535},
    {"server_mode", &Scenario::server_mode, 0, 1},
    {"first_kick", &Scenario::first_kick, 0, 1},
    {"sleeps", &Scenario::sleeps, 0, 1},
    {"pace", &Scenario::pace, 0, 2},
    {"short_send_percent", &Scenario::short_send_percent, 0, 100},
    {"short_receive_percent", &Scenario::short_receive_percent, 0, 100},
    {"max_regions", &Scenario::max_regions, 1, 512},
    {"max_pairs", &Scenario::max_pairs, 1, 128},
    {"regions", &Scenario::regions, 1, 64},
    {"fd_limit", &Scenario::fd_limit, 16, 65536},
    {"interleave_percent", &Scenario::interleave_percent, 0, 100},
});

uint32_t Draw(Entropy& entropy, std::initializer_list<uint32_t> values) {
  return values.begin()[entropy.Choose(values.size())];
}

}  // namespace

const std::vector<std::string>& BackendNames() {
  static const auto* const names = [] {
    auto* const all = new std::vector<std::string>;
    for (const std::string_view name : PersonalityNames()) {
      all->emplace_back(name);
    }
    all->emplace_back("vhost-net");
    all->emplace_back("vdpa");
    return all;
  }();
  return *names;
}

bool IsBackend(std::string_view name) {
  return std::ranges::find(BackendNames(), name) != BackendNames().end();
}

Scenario DrawScenario(Entropy& entropy,
                      const std::optional<std::string>& backend) {
  Scenario scenario;
  const auto& names = BackendNames();
  scenario.backend = names[entropy.Choose(names.size())];
  if (backend) scenario.backend = *backend;
  scenario.pairs = Draw(entropy, {1, 1, 2, 2, 3, 4, 8});
  if (scenario.backend == "legacy") scenario.pairs = 1;
  if (scenario.backend == "vdpa") scenario.pairs %= 5;
  scenario.pairs = std::max(scenario.pairs, 1u);
  scenario.queue_size = Draw(entropy, {8, 4, 2, 16, 32, 8, 8});
  scenario.control_queue = Draw(entropy, {1, 1, 1, 0});
  // Further pairs are switched on through it.
  if (scenario.control_queue == 0) scenario.pairs = 1;
  scenario.packed = Draw(entropy, {0, 1});
  scenario.in_order = Draw(entropy, {1, 0});
  scenario.mrg_rxbuf = Draw(entropy, {1, 0});
  scenario.mac = Draw(entropy, {1, 0});
  scenario.mtu = Draw(entropy, {0, 0, 1500, 9000});
  scenario.server_mode = Draw(entropy, {0, 0, 1});
  scenario.first_kick = Draw(entropy, {0, 0, 1});
  scenario.sleeps = Draw(entropy, {0, 1});
  scenario.pace = Draw(entropy, {0, 1, 2});
  scenario.short_send_percent = Draw(entropy, {0, 0, 5, 40});
  scenario.short_receive_percent = Draw(entropy, {0, 0, 5, 40});
  scenario.max_regions = Draw(entropy, {8, 8, 3, 16});
  scenario.regions = Draw(entropy, {2, 1, 3});
  scenario.fd_limit = Draw(entropy, {4096, 4096, 4096, 64});
  scenario.interleave_percent = Draw(entropy, {0, 0, 10, 50});
  // Packed rings can have any size, but not in a kernel.
  const auto personality = FindPersonality(scenario.backend);
  const bool has_packed =
      personality && HasBit(personality->features, kBitRingPacked);
  if (scenario.packed != 0 && has_packed && entropy.Chance({1, 4})) {
    scenario.queue_size = 5;
  }
  return scenario;
}

std::string ToText(const Scenario& scenario) {
  const Scenario plain;
  std::string text = "set backend " + scenario.backend + "\n";
  for (const Field& field : kFields) {
    if (scenario.*field.value == plain.*field.value) continue;
    text += "set ";
    text += field.name;
    text += ' ';
    text += std::to_string(scenario.*field.value);
    text += '\n';
  }
  return text;
}

namespace {

std::string NoSuchBackend(std::string_view name) {
  std::string names;
  for (const std::string& known : BackendNames()) {
    names += (names.empty() ? "" : ", ") + known;
  }
  return "no such back-end: \"" + std::string(name) + "\"; there is " + names;
}

}  // namespace

std::optional<std::string> SetFromText(std::string_view name,
                                       std::string_view value,
                                       Scenario& scenario) {
  if (name == "backend") {
    if (!IsBackend(value)) return NoSuchBackend(value);
    scenario.backend = value;
    return std::nullopt;
  }
  const auto* const field = std::ranges::find(kFields, name, &Field::name);
  if (field == kFields.end()) {
    std::string names = "backend";
    for (const Field& known : kFields) names += ", " + std::string(known.name);
    return "nothing is called \"" + std::string(name) + "\"; there is " + names;
  }
  uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() ||
      number < field->least || number > field->most) {
    return std::string(name) + " is \"" + std::string(value) +
           "\"; it can be " + std::to_string(field->least) + " to " +
           std::to_string(field->most);
  }
  scenario.*field->value = number;
  return std::nullopt;
}

namespace {

struct Limits {
  uint32_t pairs = 1;
  bool packed = false;
};

Limits LimitsOf(const Scenario& scenario) {
  if (scenario.backend == "vhost-net") return {.pairs = 16, .packed = false};
  if (scenario.backend == "vdpa") {
    const VdpaPersonality has = scenario.control_queue != 0
                                    ? VdpaPersonality::Full()
                                    : VdpaPersonality::Vduse();
    return {.pairs = has.max_pairs,
            .packed = HasBit(has.features, kBitRingPacked)};
  }
  const auto has = FindPersonality(scenario.backend);
  if (!has) return {};
  const bool many = HasBit(has->features, kBitMq) ||
                    HasBit(has->features, kBitProtocolFeatures);
  return {.pairs = many ? std::min(has->max_pairs, scenario.max_pairs) : 1,
          .packed = HasBit(has->features, kBitRingPacked)};
}

}  // namespace

std::optional<std::string> CheckScenario(const Scenario& scenario) {
  if (!IsBackend(scenario.backend)) return NoSuchBackend(scenario.backend);
  const Limits limits = LimitsOf(scenario);
  if (scenario.pairs > limits.pairs) {
    return "pairs is " + std::to_string(scenario.pairs) + "; back-end " +
           scenario.backend + " has " + std::to_string(limits.pairs);
  }
  if (scenario.pairs > 1 && scenario.control_queue == 0) {
    return "pairs is " + std::to_string(scenario.pairs) +
           " and control_queue 0; further pairs need control_queue 1";
  }
  const bool packed = scenario.packed != 0 && limits.packed;
  if (!packed && !std::has_single_bit(scenario.queue_size)) {
    return "queue_size is " + std::to_string(scenario.queue_size) +
           "; a split ring has a power of two (packed rings: packed 1 and a "
           "back-end that has them)";
  }
  if (scenario.backend == "legacy" && scenario.queue_size < 2) {
    return "queue_size is 1; a legacy packet has a descriptor for its header "
           "and one for its data";
  }
  constexpr uint32_t kLeastMtu = 68;  // virtio, of mtu.
  if (scenario.mtu != 0 && scenario.mtu < kLeastMtu) {
    return "mtu is " + std::to_string(scenario.mtu) +
           "; it can be 0 (none) or 68 to 65535";
  }
  return std::nullopt;
}

}  // namespace backend_sim
