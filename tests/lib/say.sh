# shellcheck shell=bash
# What the test runner says, and where: lines a program may read go to standard output, the rest to standard error.

say_error() {
  printf 'tests/run: %s\n' "$*" >&2
}

# A line that a later one replaces; only on a terminal.
say_now() {
  if [[ -t 2 ]]; then printf '\r\033[K%s' "$*" >&2; fi
}

say_now_done() {
  say_now ''
}
