// SPDX-License-Identifier: BSD-3-Clause

#include "cli/command_options.h"

#include <CLI/CLI.hpp>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/whole_number.h"

namespace virtio_user::cli {
namespace {

template <typename T>
struct Held {
  using Type = T;
};
template <typename T>
struct Held<std::optional<T>> {
  using Type = T;
};

}  // namespace

const Option& Option::Type(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

const Option& Option::ShowDefault() const {
  option_->capture_default_str();
  return *this;
}

const Option& Option::Required() const {
  option_->required();
  return *this;
}

const Option& Option::Excludes(const std::string& other) const {
  option_->excludes(other);
  return *this;
}

Command Command::AddCommand(const std::string& name,
                            const std::string& help) const {
  return Command(app_->add_subcommand(name, help));
}

template <typename T>
Option Command::Add(const std::string& names, T& value,
                    const std::string& help) const {
  CLI::Option* const option = app_->add_option(names, value, help);
  using Value = Held<T>::Type;
  // CLI11's own conversion takes octal and cuts what is too large.
  if constexpr (std::integral<Value>) {
    option->transform(CLI::Validator(TakeWholeNumber<Value>, ""));
  }
  return Option(option);
}

#define VU_OPTION_OF(T)                                                    \
  template Option Command::Add(const std::string&, T&, const std::string&) \
      const;                                                               \
  template Option Command::Add(const std::string&, std::optional<T>&,      \
                               const std::string&) const
VU_OPTION_OF(std::string);
VU_OPTION_OF(double);
VU_OPTION_OF(int64_t);
VU_OPTION_OF(uint32_t);
VU_OPTION_OF(uint64_t);
#undef VU_OPTION_OF

void Command::AddFlag(const std::string& names, bool& value,
                      const std::string& help) const {
  app_->add_flag(names, value, help);
}

void Command::Footer(const std::string& text) const { app_->footer(text); }

void Command::RequireCommand() const { app_->require_subcommand(1); }

bool Command::Has(const std::string& command) const {
  return app_->got_subcommand(command);
}

}  // namespace virtio_user::cli
