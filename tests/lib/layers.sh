# shellcheck shell=bash
# One function a layer: prepares what it needs and runs the real runners. `run_layer` counts and reports.
# `logs` is the folder for the layers' logs.
: "${logs:=}"

total_passed=0
total_failed=0
running=

# Seconds after which a layer is ended; a first build is part of the first layer that runs.
declare -A LAYER_LIMIT=([unit]=2700 [golden]=1500 [property]=1500 [protocol]=1500 [envoy]=1800 [cluster]=5400)

# The whole workspace is always selected, so that Cargo's feature unification, and with it the build, is one.
cargo_test() {
  cargo test --locked --workspace --no-fail-fast "$@"
}

# The program under test, for the layers that run it: TULLE_BIN.
build_tulle() {
  cargo build --locked --workspace --bins || return 1
  export TULLE_BIN=$CARGO_TARGET_DIR/debug/tulle
}

# Integration tests that are no layer of their own, as `--test` arguments.
own_tests() {
  local file name
  for file in tests/*.rs {crds,proto,injector}/tests/*.rs control-plane/{.,*,dialects/*}/tests/*.rs; do
    name=$(basename -- "$file" .rs)
    case $name in golden | property | protocol | envoy) continue ;; esac
    if [[ -e $file ]]; then printf -- '--test\n%s\n' "$name"; fi
  done
}

layer_unit() {
  need_rust || return 1
  local failed=0 own
  cargo fmt --all --check -- --color never || failed=1
  cargo clippy --locked --workspace --all-targets -- -D warnings || failed=1
  cargo_test --lib --bins || failed=1
  mapfile -t own < <(own_tests)
  if ((${#own[@]} > 0)); then cargo_test "${own[@]}" || failed=1; fi
  cargo_test --doc || failed=1
  return "$failed"
}

layer_golden() { need_rust && need_envoys && need_helm && build_tulle && cargo_test --test golden --test fields --test deploy; }
layer_property() { need_rust && need_envoys && cargo_test --test property; }
layer_protocol() { need_rust && need_grpc_python && need_envoys && build_tulle && cargo_test --test protocol; }
layer_envoy() { need_rust && need_network_namespaces && need_envoys && build_tulle && cargo_test --test envoy; }

stop_running() {
  if [[ -n $running ]]; then kill -TERM -- "-$running" 2>/dev/null || true; fi
}

# Runs the layer in a process group of its own, ended as a whole when its time is up.
run_limited() {
  local layer=$1 log=$2 limit=${LAYER_LIMIT[$1]} code=0
  set -m
  ("layer_$layer") >"$log" 2>&1 </dev/null &
  running=$!
  set +m
  while kill -0 "$running" 2>/dev/null; do
    if ((SECONDS - started > limit)); then
      echo "ended after $limit s, the limit of this layer" >>"$log"
      kill -TERM -- "-$running" 2>/dev/null || true
      sleep 5
      kill -KILL -- "-$running" 2>/dev/null || true
    fi
    say_now "$layer: $((SECONDS - started)) s, log in $log"
    sleep 0.5
  done
  wait "$running" || code=$?
  running=
  say_now_done
  return "$code"
}

# Sums the runners' own closing lines: `test result: ok. 3 passed; 0 failed; …`.
count() {
  sed -n "s/^test result: .*[. ]\([0-9][0-9]*\) $2;.*/\1/p" "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

run_layer() {
  local layer=$1 log=$logs/$1.log passed failed code=0 started=$SECONDS why=
  run_limited "$layer" "$log" || code=$?
  passed=$(count "$log" passed)
  failed=$(count "$log" failed)
  if ((code == 0 && passed == 0)); then
    why=' (no test ran)'
    code=1
  elif ((code != 0 && failed == 0)); then
    why=' (see its log)'
  fi
  if ((code != 0 && failed == 0)); then failed=1; fi
  printf '%s: %d passed, %d failed, %d s%s\n' "$layer" "$passed" "$failed" $((SECONDS - started)) "$why"
  if ((failed > 0)); then print_failure "$layer" "$log"; fi
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
}

# The end of a failed layer's log, indented so that nothing in it reads as this runner's own closing line.
print_failure() {
  printf -- '--- %s, the last lines of %s\n' "$1" "$2"
  grep -aE '^(error|test .* FAILED|Diff in )' "$2" | head -n 40 | sed 's/^/  /' || true
  tail -n "${TULLE_LOG_LINES:-150}" "$2" | sed 's/^/  /'
  printf -- '---\n'
}
