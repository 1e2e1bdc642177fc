// SPDX-License-Identifier: BSD-3-Clause
//
// What a command takes. CLI11 does the work; its header, which takes seconds
// to compile, is for command_options.cc and command_line.cc alone.

#ifndef CLI_COMMAND_OPTIONS_H_
#define CLI_COMMAND_OPTIONS_H_

#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace virtio_user::cli {

// One option; a handle that is good for as long as its command line.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  // What help calls the value.
  const Option& Type(const std::string& name) const;
  // Help shows the value that there is now.
  const Option& ShowDefault() const;
  const Option& Required() const;
  // Not together with another one of the same command, which is there already.
  const Option& Excludes(const std::string& other) const;

 private:
  CLI::Option* option_;
};

// One command, or the program itself; a handle that is good for as long as its
// command line.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command AddCommand(const std::string& name, const std::string& help) const;
  // `value`, which outlives the command line, is what is there if nobody says
  // otherwise. Of a std::string, a double, an int64_t, a uint32_t, a uint64_t,
  // or a std::optional of one. A whole number is decimal, and one that T can
  // hold.
  template <typename T>
  Option Add(const std::string& names, T& value, const std::string& help) const;
  void AddFlag(const std::string& names, bool& value,
               const std::string& help) const;
  // Below the options in its help.
  void Footer(const std::string& text) const;
  // One of its commands has to be there.
  void RequireCommand() const;
  // Of the last command line.
  bool Has(const std::string& command) const;

 private:
  CLI::App* app_;
};

}  // namespace virtio_user::cli

#endif  // CLI_COMMAND_OPTIONS_H_
