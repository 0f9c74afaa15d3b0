#!/usr/bin/env bash
# Ranks on hosts of their own, as far as the network can tell: network namespaces with a bridge, 1 ms of delay on each
# link, and in the end a link that is cut.
#
#     bench/ranks_network.sh [HOSTS]        (root, iproute2, an environment with eigenlstm and torch)
#
# First a run of HOSTS (3) ranks must give the bits of one process. Then the same run goes on until the link of the last
# host is taken down: every rank must end with an error that says so. Everything is removed at the end.
set -euo pipefail

hosts=${1:-3}
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
bridge=elbr0

cleanup() {
  for ((i = 0; i < hosts; i++)); do ip netns del "el$i" 2> /dev/null || true; done
  ip link del $bridge 2> /dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

ip link add $bridge type bridge
ip link set $bridge up
for ((i = 0; i < hosts; i++)); do
  ip netns add "el$i"
  ip link add "elv$i" type veth peer name eth0 netns "el$i"
  ip link set "elv$i" master $bridge up
  ip -n "el$i" address add "10.77.0.$((i + 1))/24" dev eth0
  ip -n "el$i" link set lo up
  ip -n "el$i" link set eth0 up
  ip netns exec "el$i" tc qdisc add dev eth0 root netem delay 1ms || echo "no netem in this kernel: without the delay"
done

rank() { # rank RANK ARGUMENTS...: a rank in its namespace, in the background
  local rank=$1
  shift
  ip netns exec "el$rank" env PYTHONPATH="$here/tests/support:${PYTHONPATH:-}" MASTER_ADDR=10.77.0.1 MASTER_PORT=29511 \
    WORLD_SIZE="$hosts" RANK="$rank" GLOO_SOCKET_IFNAME=eth0 python "$here/tests/support/$1" "${@:2}" \
    > "$work/out.$rank" 2>&1 &
}

python "$here/tests/support/ranks_case.py" "$work" alone plain dropout
for ((i = 0; i < hosts; i++)); do rank "$i" ranks_case.py "$work" torch plain dropout; done
wait
for case in plain dropout; do
  for ((i = 0; i < hosts; i++)); do
    cmp "$work/$case.alone.0" "$work/$case.torch.$i" || { cat "$work/out.$i"; exit 1; }
  done
done
echo "the bits of $hosts hosts are those of one process"

for ((i = 0; i < hosts; i++)); do rank "$i" ranks_end.py long torch; done
sleep 15
ip link set "elv$((hosts - 1))" down
echo "the link of the last host is cut"
started=$SECONDS
wait
echo "all ranks ended after $((SECONDS - started)) s"
for ((i = 0; i < hosts; i++)); do
  grep -h "RankFailed" "$work/out.$i" | tail -1 | sed "s/^/rank $i: /" || { cat "$work/out.$i"; exit 1; }
done
