#!/bin/bash
# A Ceph of one node with its S3 gateway, on loopback only (Debian: radosgw ceph-mon ceph-osd).
#
#   AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… ceph-s3.sh FOLDER PORT memstore|bluestore GIGABYTES
#
# Takes PORT (the gateway: http://127.0.0.1:PORT, for whoever has the key) to PORT+42. Prints "ready", and again for
# every line read from standard input after starting whatever daemon has died. Ends, and with it every daemon, at the
# end of standard input: whoever holds the other end of the pipe can't leave daemons behind, not even by SIGKILL.
# FOLDER is new, or one of an earlier run, whose objects bluestore has kept, as many GIGABYTES as it was made for.
# Logs: FOLDER/run. Pids: FOLDER/*.pid.
set -euo pipefail
umask 077
folder=$1 port=$2 store=$3 gigabytes=$4
# What a store in memory held ended with it; what was never made to the end is made anew.
[[ $store == bluestore && -e $folder/made ]] || rm -rf "$folder"/{mon,osd,monmap,keyring,made}
mkdir -p "$folder"/{mon,osd,run}
export CEPH_ARGS="--conf $folder/ceph.conf"
# The ceph command is a Python program of the system's.
unset PYTHONPATH PYTHONHOME
# For the user below, not for the daemons.
access_key=$AWS_ACCESS_KEY_ID secret_key=$AWS_SECRET_ACCESS_KEY
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
declare -A pid

configure() {
    cat >"$folder/ceph.conf" <<CONF
[global]
fsid=$1
mon host=v1:127.0.0.1:$((port + 1))
public addr=127.0.0.1
cluster addr=127.0.0.1
ms bind msgr2=false
ms bind port min=$((port + 2))
ms bind port max=$((port + 42))
auth cluster required=cephx
auth service required=cephx
auth client required=cephx
keyring=$folder/keyring
# One copy of everything in as few placement groups as there can be, and no waiting for a quorum.
osd pool default size=1
osd pool default min size=1
osd pool default pg num=2
osd pool default pgp num=2
osd pool default pg autoscale mode=off
mon allow pool size one=true
osd crush chooseleaf type=0
osd crush update on start=false
osd class update on start=false
paxos propose interval=0.05
paxos min wait=0.01
osd client watch timeout=3
admin socket=$folder/run/\$name.asok
log file=$folder/run/\$name.log
crash dir=$folder/run
mon data=$folder/mon
osd data=$folder/osd
osd objectstore=$store
memstore device bytes=$((gigabytes << 30))
bluestore block size=$((gigabytes << 30))
osd memory target=939524096
rgw frontends=beast endpoint=127.0.0.1:$port
rgw run sync thread=false
rgw thread pool size=64
rgw rados pool pg num min=2
# Deleted objects leave memory within seconds, not after two hours.
rgw gc obj min wait=5
rgw gc processor period=5
CONF
}

# Dies with this shell however that ends.
daemon() {
    local name=$1
    shift
    setpriv --pdeathsig KILL -- "$@" </dev/null >>"$folder/run/$name.out" 2>&1 &
    pid[$name]=$!
    echo $! >"$folder/$name.pid"
}

alive() { [[ -n ${pid[$1]:-} ]] && kill -0 "${pid[$1]}" 2>/dev/null; }

# Wait until a command succeeds, as long as a daemon lives.
until_up() {
    local name=$1
    shift
    until "$@" >>"$folder/run/setup.log" 2>&1; do
        alive "$name" || { echo "$name ended: see $folder/run/$name.log" >&2; exit 1; }
        sleep 0.1
    done
}

# The ceph command fails now and then while the monitor settles ("wrong fsid").
insist() {
    for _ in 1 2 3 4 5 6; do
        "$@" >>"$folder/run/setup.log" 2>&1 && return
        sleep 0.2
    done
    echo "failed six times: $*: see $folder/run/setup.log" >&2
    exit 1
}

# Either waits without an end for a daemon that has not settled; asked again it answers.
ask() { timeout 20 ceph --connect-timeout 5 "$@"; }
osd_up() { ask osd stat | grep -q '1 up'; }
admin() { timeout 30 radosgw-admin -n client.rgw.a "$@"; }
# The secret goes by standard input: whoever lists processes reads arguments.
user_there() {
    admin metadata put user:saga <<JSON
{"data": {"user_id": "saga", "display_name": "saga", "email": "", "suspended": 0, "max_buckets": 1000, "op_mask": "read, write, delete",
 "keys": [{"user": "saga", "access_key": "$access_key", "secret_key": "$secret_key"}]}}
JSON
    admin user info --uid=saga | grep "$access_key" >/dev/null
}
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$port"); }

start() {
    local name
    for name in mon osd rgw; do
        alive $name || "start_$name"
    done
    echo ready
}

start_mon() {
    daemon mon ceph-mon -i a -f
    until_up mon ask mon stat
}

start_osd() {
    daemon osd ceph-osd -i 0 -f
    until_up osd osd_up
}

start_rgw() {
    daemon rgw radosgw -n client.rgw.a -f
    until_up rgw listening
}

# Nobody without a key of this file talks to the daemons behind the gateway.
new_keys() {
    local keyring=$folder/keyring
    {
        ceph-authtool --create-keyring "$keyring" --gen-key -n mon. --cap mon 'allow *'
        ceph-authtool "$keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *'
        ceph-authtool "$keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
        ceph-authtool "$keyring" --gen-key -n client.rgw.a --cap mon 'allow rw' --cap osd 'allow rwx'
    } >>"$folder/run/setup.log"
}

make() {
    local cluster osd
    cluster=$(</proc/sys/kernel/random/uuid)
    osd=$(</proc/sys/kernel/random/uuid)
    configure "$cluster"
    new_keys
    monmaptool --create --fsid "$cluster" --addv a "[v1:127.0.0.1:$((port + 1))]" "$folder/monmap" >/dev/null
    ceph-mon --mkfs -i a --monmap "$folder/monmap" --keyring "$folder/keyring" >>"$folder/run/setup.log" 2>&1
    start_mon
    insist ask osd new "$osd"
    insist ask osd crush add osd.0 1 host=h root=default
    insist ceph-osd -i 0 --mkfs --osd-uuid "$osd"
    start_osd
    insist user_there
    echo "$port" >"$folder/made"
}

# To other ports: the monitor's is in its own map.
move() {
    configure "$(sed -n 's/^fsid=//p' "$folder/ceph.conf")"
    {
        ceph-mon -i a --extract-monmap "$folder/monmap"
        monmaptool --rm a "$folder/monmap"
        monmaptool --addv a "[v1:127.0.0.1:$((port + 1))]" "$folder/monmap"
        ceph-mon -i a --inject-monmap "$folder/monmap"
    } >>"$folder/run/setup.log" 2>&1
    echo "$port" >"$folder/made"
}

# Asked to end, the daemons put away what they hold, those first that need the others.
finish() {
    local name
    for name in rgw osd mon; do
        alive $name || continue
        kill -TERM "${pid[$name]}" && wait "${pid[$name]}" || true
    done
    exit 0
}
trap finish TERM

[[ -e $folder/made ]] || make
[[ $(<"$folder/made") == "$port" ]] || move
start
while read -r _; do start; done
kill -KILL "${pid[@]}" 2>/dev/null || true
wait
