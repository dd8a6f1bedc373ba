# shellcheck shell=bash
# The cluster layer: installs or builds the programs of a real Kubernetes node, brings a cluster up for the run or uses
# the one that `--keep` left, and takes down what this run brought up.
: "${root:=}" "${TULLE_CACHE:=}" "${CARGO_TARGET_DIR:=}"

DEBIAN_PACKAGE+=(
  [conntrack]=conntrack
  [ctr]=containerd
  [iptables]=iptables
  [ldd]=libc-bin
  [nsenter]=util-linux
  [strip]=binutils
  [tcpdump]=tcpdump
  [unshare]=util-linux
)

readonly KUBERNETES=1.35.4 COREDNS=1.15.0 HELM=3.22.0
readonly KEPT=keep
readonly LAST_CASES=rbac::last

cluster_filter=()
cluster_arguments=()
cluster_name=

need_go() {
  local have
  if command -v go >/dev/null; then
    have=$(go env GOVERSION)
    if printf '%s\n' go1.25 "$have" | sort --version-sort --check=quiet; then return 0; fi
    echo "Go is ${have#go}; the cluster's programs need 1.25 or newer: https://go.dev/dl"
  else
    echo "missing: go; install Go 1.25 or newer: https://go.dev/dl"
  fi
  return 1
}

# Kubernetes and etcd as one program, built from tests/cluster/node: TULLE_NODE.
build_node() {
  local source=$root/tests/cluster/node home sum version=k8s.io/component-base/version
  sum=$(cd -- "$source" && cat go.mod go.sum main.go | sha256sum | cut -c1-12) || return 1
  home=$TULLE_CACHE/kubernetes/$KUBERNETES-$sum
  export TULLE_NODE=$home/node
  if [[ -x $TULLE_NODE ]]; then return 0; fi
  need_go || return 1
  echo "building Kubernetes $KUBERNETES into $home (minutes, once)"
  mkdir -p "$home"
  (cd -- "$source" && go build -trimpath -mod=readonly -buildvcs=false -o "$home/node.new" \
    -ldflags "-s -w -X $version.gitVersion=v$KUBERNETES -X $version.gitMajor=1 -X $version.gitMinor=35" .) \
    && mv -- "$home/node.new" "$TULLE_NODE"
}

# go_install VARIABLE NAME VERSION PACKAGE : $TULLE_CACHE/NAME/VERSION/NAME, its path in VARIABLE.
go_install() {
  local home=$TULLE_CACHE/$2/$3
  declare -gx "$1=$home/$2"
  if [[ -x $home/$2 ]]; then return 0; fi
  need_go || return 1
  echo "building $2 $3 into $home (minutes, once)"
  mkdir -p "$home"
  GOBIN=$home CGO_ENABLED=0 go install -trimpath -ldflags '-s -w' "$4@v$3"
}

need_cluster() {
  need_rust && need_network_namespaces && need_envoys || return 1
  need_commands unshare nsenter iptables conntrack containerd ctr runc buildah strip ldd tcpdump || return 1
  [[ -x /usr/lib/cni/bridge ]] || apt_install containernetworking-plugins || return 1
  build_node && go_install TULLE_COREDNS coredns "$COREDNS" github.com/coredns/coredns && need_helm
}

need_helm() { go_install TULLE_HELM helm "$HELM" helm.sh/helm/v3/cmd/helm; }

# What is tested is what is released; TULLE_CLUSTER_DEBUG=1 takes the debug build instead, which is there sooner.
build_cluster() {
  local folder=release
  if [[ ${TULLE_CLUSTER_DEBUG:-} == 1 ]]; then folder=debug; fi
  cargo build --locked --workspace --bins || return 1
  if [[ $folder == release ]]; then cargo build --locked --release --package tulle || return 1; fi
  export TULLE_RELEASE=$CARGO_TARGET_DIR/$folder/tulle TULLE_SAMPLE=$CARGO_TARGET_DIR/debug/tulle-sample
  export TULLE_CHECKOUT=$root
}

cluster_program() { "$CARGO_TARGET_DIR/debug/tulle-cluster" "$@"; }

# The name of the cluster to use: the kept one if it runs, else one of this run.
choose_cluster() {
  cluster_name=run-$$
  if [[ -e /tmp/tulle-cluster-$KEPT/enter ]] && cluster_program show "$KEPT" >/dev/null 2>&1; then cluster_name=$KEPT; fi
}

layer_cluster() {
  need_cluster && build_cluster || return 1
  choose_cluster
  cluster_program up "$cluster_name" || return 1
  local folder
  folder=$(cluster_program show "$cluster_name") || return 1
  local code=0
  cluster_cases "$folder" --skip "$LAST_CASES" "${cluster_arguments[@]}" "${cluster_filter[@]}" || code=1
  # What they judge is what all the others have done.
  if ((${#cluster_filter[@]} == 0)); then
    cluster_cases "$folder" "$LAST_CASES" || code=1
    bare_cluster || code=1
  fi
  return "$code"
}

# The crates' own ignored tests, all of them, one at a time: they need an API server where no Tulle is at work, with the
# kinds of App Mesh, or a machine where nothing else is measured.
bare_cluster() {
  local name=bare-$$ folder code=0
  cluster_program up "$name" --bare || return 1
  folder=$(cluster_program show "$name") && "$folder/enter" kubectl apply --server-side --filename "$root/crds/yaml" \
    && "$folder/enter" kubectl wait --for=condition=Established --timeout=60s --filename "$root/crds/yaml" \
    && TULLE_KUBERNETES=$TULLE_NODE cargo test --locked --workspace --no-fail-fast --lib --test api_server \
      --config "target.'cfg(unix)'.runner = '$folder/enter'" -- --ignored --nocapture --test-threads 1 || code=1
  cluster_program down "$name" || code=1
  return "$code"
}

# cluster_cases FOLDER [ARGUMENT…] : runs cases inside the cluster's network.
cluster_cases() {
  local folder=$1
  shift
  TULLE_CLUSTER=$folder RUST_BACKTRACE=0 cargo test --locked --workspace --no-fail-fast --config "target.'cfg(unix)'.runner = '$folder/enter'" \
    --test cluster -- --test-threads "${TULLE_CLUSTER_THREADS:-3}" "$@"
}

# Whatever way the run ends: no cluster of it stays.
end_cluster() {
  local name
  for name in "run-$$" "bare-$$"; do
    if [[ -d /tmp/tulle-cluster-$name ]]; then cluster_program down "$name"; fi
  done
}

keep_cluster() {
  need_cluster && build_cluster && cluster_program up "$KEPT" || return 1
  local folder
  folder=$(cluster_program show "$KEPT") || return 1
  cat <<TEXT

A cluster runs in $folder, with Tulle in namespace tulle-system. Its network is its own; a command enters it by
  $folder/enter kubectl get pods --all-namespaces
or a shell, with KUBECONFIG and PATH set, by
  $folder/enter bash
The cases run in it with: tests/run cluster [FILTER]
It is taken down with:    tests/run cluster --down
TEXT
}

# Only what is built already is needed: a cluster that runs was brought up by this program.
down_cluster() {
  local program=/tmp/tulle-cluster-$KEPT/bin/tulle-cluster work
  if [[ ! -x $program ]]; then
    echo "no kept cluster runs"
    return 0
  fi
  work=$(mktemp) && cp -- "$program" "$work" && chmod +x "$work" && "$work" down "$KEPT"
  local code=$?
  rm -f -- "$work"
  return "$code"
}
