# What the tests of scripts compare with, and whether something was wrong.

wrong=0

# expect PATTERN TEXT
expect() {
  # shellcheck disable=SC2053
  [[ $2 == $1 ]] && return
  printf 'not "%s" but "%s"\n' "$1" "$2"
  wrong=1
}
