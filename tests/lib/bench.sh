# shellcheck shell=bash
# The bench: what Tulle costs and how fast it is, beside the least that any server could do and, if one is given, beside istiod.
# It is no test layer: it measures for minutes or hours, and wants the machine for itself.
: "${root:=}" "${TULLE_CACHE:=}" "${CARGO_TARGET_DIR:=}"

bench_arguments=()

build_bench() {
  cargo build --locked --release --package tulle --package tulle-bench || return 1
  export TULLE_RELEASE=$CARGO_TARGET_DIR/release/tulle TULLE_CRDS=$root/crds/yaml
  # Meshes that were written to an API server once.
  export TULLE_BENCH_CACHE=$TULLE_CACHE/bench
}

# Descriptors for thousands of proxies, as far as this machine allows.
raise_limits() {
  local most
  most=$(ulimit -Hn)
  ulimit -Sn "$most" 2>/dev/null || true
}

run_bench() {
  on_linux || { echo "the bench reads /proc; this is $(uname -s)"; return 1; }
  need_rust && need_envoys && build_node && build_bench || return 1
  raise_limits
  local folder
  folder=$(mktemp -d /tmp/tulle-bench.XXXXXX) || return 1
  local code=0
  "$CARGO_TARGET_DIR/release/tulle-bench" run --folder "$folder" "${bench_arguments[@]}" || code=$?
  rm -rf -- "$folder"
  return "$code"
}
