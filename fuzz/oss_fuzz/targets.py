#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Bazel knows of the fuzz targets, for a build without Bazel.

  targets.py [TARGET...]   all that build.sh needs, for these targets or all
  targets.py --names       the targets, one a line

BUILD files and macros are also Python: they are run, with rules that only take
notes. A line is one of

  library SOURCE         what one of them may need
  external REPOSITORY    a library of others, such as libpcap
  object TARGET SOURCE   linked into the target whether or not it is asked for
  options TARGET FILE, dict TARGET FILE, seed TARGET FILE

Targets are the cc_fuzz_test of fuzz/BUILD, without those tagged no-oss-fuzz.
"""

import builtins
import os
import re
import sys

ROOT = os.path.normpath(os.path.join(os.path.dirname(__file__), '../..'))
# The branch of a select(): whatever the engine, there is one.
CONDITIONS = ('//fuzz:libfuzzer', ':libfuzzer', '//conditions:default')
LIBRARIES = ('cc_library', 'cc_binary', 'filegroup')
# What rules_fuzzing's cc_fuzz_test takes, and what it passes on to cc_binary.
TEST_ATTRIBUTES = ('corpus', 'dicts', 'engine', 'size', 'tags')
BINARY_ATTRIBUTES = ('copts', 'data', 'defines', 'deps', 'features', 'linkopts',
                     'local_defines', 'srcs', 'visibility')


class Nothing:
  """A rule, function or value of Bazel's that does not matter here."""

  def __call__(self, *args, **kwargs):
    return self

  def __getattr__(self, name):
    return self


class Names(dict):
  """Python's built-in names, and whatever Bazel has besides."""

  def __missing__(self, name):
    return Nothing()


def pattern_of(glob):
  text = re.escape(glob).replace(r'\*\*/', '(.*/)?').replace(r'\*\*', '.*')
  return re.compile(text.replace(r'\*', '[^/]*') + '$')


def files_below(folder):
  for path, folders, files in os.walk(folder):
    # A folder with a BUILD file is a package of its own.
    folders[:] = [name for name in folders
                  if not os.path.exists(os.path.join(path, name, 'BUILD'))]
    for name in files:
      yield os.path.relpath(os.path.join(path, name), folder)


def select(branches):
  for condition in CONDITIONS:
    if condition in branches:
      return branches[condition]
  raise ValueError('no branch of a select() is for fuzzing: %s' % branches)


class Package:
  """A BUILD file that has been run."""

  def __init__(self, name):
    self.name = name
    self.rules = {}
    self.tests = {}
    self.folder = os.path.join(ROOT, name)
    self.native = Nothing()
    self.native.glob = self.glob
    for kind in LIBRARIES:
      setattr(self.native, kind, self.note)
    self.run(os.path.join(self.folder, 'BUILD'), self.scope(self.folder))

  def scope(self, folder):
    """What a file of this folder, run for this package, finds defined."""
    scope = {'__builtins__': Names(vars(builtins)), 'native': self.native,
             'glob': self.glob, 'select': select}
    for kind in LIBRARIES:
      scope[kind] = self.note
    scope['load'] = lambda label, *same, **renamed: self.load(
        scope, folder, label, {**{name: name for name in same}, **renamed})
    return scope

  def run(self, path, scope):
    with open(path, encoding='utf-8') as file:
      exec(compile(file.read(), path, 'exec'), scope)

  def load(self, scope, folder, label, names):
    loaded = {}
    if not label.startswith('@'):
      package, _, name = label.rpartition(':')
      folder = os.path.join(ROOT, package[2:]) if package else folder
      loaded = self.scope(folder)
      self.run(os.path.join(folder, name), loaded)
    for new, name in names.items():
      scope[new] = loaded.get(name, Nothing())
      if name == 'cc_fuzz_test':
        scope[new] = self.noting_test(loaded[name])

  def noting_test(self, macro):
    def cc_fuzz_test(name, **kwargs):
      for key in kwargs:
        if key not in TEST_ATTRIBUTES + BINARY_ATTRIBUTES:
          raise ValueError("%s: rules_fuzzing's cc_fuzz_test has no attribute %s"
                           % (name, key))
      if not kwargs.get('srcs'):
        raise ValueError(name + ': srcs are missing')
      if not kwargs.get('corpus'):
        raise ValueError(name + ': a corpus is missing')
      self.tests[name] = kwargs.get('tags', [])
      macro(name = name, **kwargs)
    return cc_fuzz_test

  def glob(self, include, exclude=(), **_):
    wanted = [pattern_of(glob) for glob in include]
    unwanted = [pattern_of(glob) for glob in exclude]
    return sorted(
        path for path in files_below(self.folder)
        if any(pattern.match(path) for pattern in wanted) and
        not any(pattern.match(path) for pattern in unwanted))

  def note(self, name, **kwargs):
    self.rules[name] = kwargs

  def sources(self, rule):
    return [os.path.join(self.name, path)
            for path in self.rules[rule].get('srcs', [])]


class Graph:
  """The packages that the targets stand on."""

  def __init__(self):
    self.packages = {}
    self.library = set()
    self.external = set()

  def package(self, name):
    if name not in self.packages:
      self.packages[name] = Package(name)
    return self.packages[name]

  def visit(self, package, rule, seen, objects):
    """Follows what a rule depends on; `objects` gets what is always linked."""
    if (package, rule) in seen:
      return
    seen.add((package, rule))
    owner = self.package(package)
    if rule not in owner.rules:
      raise ValueError('//%s:%s: no library that is known' % (package, rule))
    attributes = owner.rules[rule]
    if attributes.get('defines') or attributes.get('local_defines'):
      raise ValueError('//%s:%s: defines are not understood' % (package, rule))
    for path in owner.sources(rule):
      if not path.endswith('.cc'):
        continue
      if attributes.get('alwayslink') or len(seen) == 1:
        objects.append(path)
      else:
        self.library.add(path)
    for label in attributes.get('deps', []):
      if label.startswith('@'):
        self.external.add(re.match('@([a-z0-9_]+)', label).group(1))
        continue
      folder, _, name = label.partition(':')
      folder = folder[2:] if folder else package
      self.visit(folder, name or os.path.basename(folder), seen, objects)


def check_names(fuzz):
  """A source that fuzz/BUILD does not know is one that nobody runs."""
  known = [path for test in fuzz.tests for path in fuzz.sources(test + '_bin')]
  for name in os.listdir(fuzz.folder):
    path = 'fuzz/' + name
    if name.endswith('_fuzz.cc') and path not in known:
      raise ValueError(path + ': no target of fuzz/BUILD')


def lines_of(graph, targets):
  fuzz = graph.package('fuzz')
  linked = set()
  for target in targets:
    objects = []
    graph.visit('fuzz', target + '_bin', set(), objects)
    linked.update(objects)
    for path in objects:
      yield 'object %s %s' % (target, path)
    for kind, name in (('options', 'options'), ('dict', 'dict'),
                       ('seed', 'corpus')):
      for path in fuzz.sources('%s_%s' % (target, name)):
        yield '%s %s %s' % (kind, target, path)
  for path in graph.library - linked:
    yield 'library ' + path
  for name in graph.external:
    yield 'external ' + name


def main(arguments):
  graph = Graph()
  fuzz = graph.package('fuzz')
  check_names(fuzz)
  targets = sorted(name for name, tags in fuzz.tests.items()
                   if 'no-oss-fuzz' not in tags)
  if not targets:
    raise ValueError('fuzz/BUILD: no targets')
  if arguments == ['--names']:
    print('\n'.join(targets))
    return
  for name in arguments:
    if name not in targets:
      raise ValueError(name + ': no target of fuzz/BUILD')
  print('\n'.join(sorted(lines_of(graph, arguments or targets))))


try:
  main(sys.argv[1:])
except ValueError as error:
  sys.exit('targets: %s' % error)
