#!/usr/bin/env bash
# A SLURM of one host for tests: this machine as the only node, with two pretend GPUs. Needs root on Debian or Ubuntu.
#
#   start.sh          install what is missing, start munged, slurmctld and slurmd, wait until the node takes jobs
#   start.sh stop     end the daemons that this script started, and take the links away
#
# Everything is kept in $folder, but for two links in /etc/slurm: Snakemake's job steps drop SLURM_CONF, so that the
# built-in place is the only one they find. A cluster that is already configured there is left alone.
set -euo pipefail
folder=${SLURM_TEST_FOLDER:-/var/lib/dst-robustness-slurm}
host=$(hostname -s)

stop() {
  local name pid
  for name in slurmd slurmctld munged; do
    pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ] || continue
    kill "$pid"
    timeout 10 tail --pid="$pid" -f /dev/null || kill -9 "$pid"
  done
  # Where a configuration is left, each call of Snakemake asks for the controller, and waits 10 s for it.
  for name in slurm.conf gres.conf; do
    if [ "$(readlink "/etc/slurm/$name")" = "$folder/$name" ]; then rm "/etc/slurm/$name"; fi
  done
}

install_slurm() {
  if command -v slurmctld slurmd munged >/dev/null; then return; fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null
}

configure() {
  mkdir -p "$folder/state" "$folder/spool" "$folder/munge" /run/munge /etc/slurm
  cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16917
SlurmdPort=16918
SlurmUser=root
AuthType=auth/munge
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
# No cgroups in a container: processes are found by their parents.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=2,defer_batch
ReturnToService=2
# More processors may be promised than there are.
SlurmdParameters=config_overrides
# Ended jobs stay visible to squeue: there is no accounting to ask.
MinJobAge=3600
KillWait=5
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=$(awk '/^MemTotal/ {print int($2 / 1200)}' /proc/meminfo) Gres=gpu:2 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
  # A device node a GPU, with the numbers of /dev/null: SLURM sets CUDA_VISIBLE_DEVICES only where there are files.
  for i in 0 1; do [ -e "$folder/gpu$i" ] || mknod "$folder/gpu$i" c 1 3; done
  printf 'AutoDetect=off\nName=gpu File=%s/gpu[0-1]\n' "$folder" >"$folder/gres.conf"
  ln -sfn "$folder/slurm.conf" /etc/slurm/slurm.conf
  ln -sfn "$folder/gres.conf" /etc/slurm/gres.conf
  # The daemons find this host by its name, which must lead to the loopback address.
  getent ahostsv4 "$host" >/dev/null || echo "127.0.0.1 $host" >>/etc/hosts
}

start_munge() {
  chown munge:munge "$folder/munge" /run/munge
  chmod 700 "$folder/munge"
  chmod 755 "$folder" /run/munge
  [ -s /etc/munge/munge.key ] || runuser -u munge -- mungekey --create
  runuser -u munge -- munged --force --pid-file="$folder/munge/munged.pid" \
    --log-file="$folder/munge/munged.log" --seed-file="$folder/munge/seed"
  cp "$folder/munge/munged.pid" "$folder/munged.pid"
}

takes_jobs() { sinfo -h -N -o %t 2>/dev/null | grep -qE '^(idle|mix|alloc)$'; }

if [ "${1:-start}" = stop ]; then
  stop
  exit
fi
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 1; }
if [ -e /etc/slurm/slurm.conf ] && [ ! -L /etc/slurm/slurm.conf ]; then
  echo "/etc/slurm/slurm.conf is a real cluster's" >&2
  exit 1
fi
unset SLURM_CONF
install_slurm
stop
configure
start_munge
slurmctld -c # forgets the jobs of an earlier start
slurmd
for _ in $(seq 100); do
  if takes_jobs; then exit 0; fi
  sleep 0.1
done
tail -n 5 "$folder"/slurm*.log >&2
exit 1
