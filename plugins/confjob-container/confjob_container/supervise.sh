#!/bin/sh
# Process 1 of a run's container: runs job.sh, ends it when asked or when its time is over, runs
# it again where the job says so, and notes what only somebody inside can see (the kernel killed
# a process for its memory).
#
#   sh supervise.sh RUN ATTEMPT GRACE LIMIT PYTHON LAST BACKOFF [ON …]
#
# RUN is the run folder, GRACE and LIMIT are seconds (LIMIT may be empty), PYTHON an interpreter
# that may be missing. After one of the ends that ON names (failure, exit:N, timeout, lost) there
# is another attempt, up to number LAST, after BACKOFF seconds, and twice as many each time.
# Plain POSIX sh, for Debian's, busybox's and bash.
#
# Why not the engine's own --init: job.sh runs its command in the foreground and only notes TERM,
# so a signal must reach all processes, which only process 1 of a namespace can address at once.
run=$1 attempt=$2 grace=$3 limit=$4 python=$5 last=$6 backoff=$7
shift 7
own=$attempt resume='' asked='' job=''

# -1 below is every process of the namespace: nobody else's may be in it.
first=$$
if [ "$$" -ne 1 ] && [ "$PPID" -eq 1 ]; then # an engine may be set up to start an init by itself
  read -r first </proc/1/comm
fi
case $first in
  1 | docker-init | tini | catatonit | dumb-init) ;;
  *)
    echo "confjob: this container shares its processes with others; it can't be supervised" >&2
    exit 125
    ;;
esac

# All is done by these, so that no signal is lost between a look and a wait.
trap on_term TERM INT HUP
trap on_late USR1
trap on_due USR2

# Send this shell signal $2 after $1 seconds.
alarm() {
  (
    trap '' TERM INT HUP USR1 USR2
    sleep "$1"
    kill -s "$2" "$$"
  ) </dev/null >/dev/null 2>&1 &
}

# Whole or not at all: written beside, then renamed.
record() (
  umask 077
  [ -d "$run" ] && mkdir -p "$records" && printf '%s\n' "$2" >"$records/.$1.1" &&
    mv -f "$records/.$1.1" "$records/$1"
)

# How many processes of this container the kernel has killed for their memory (cgroup v2, v1).
killed_for_memory() {
  for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$file" ] || continue
    while read -r name count; do
      [ "$name" = oom_kill ] && printf %s "$count" && return
    done <"$file"
  done
  printf 0
}

# A command in the background has SIGINT ignored for good, and so would the job's processes:
# whichever of these is there undoes that. Else (busybox without Python) it stays so.
undo='import os, signal, sys
for number in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])'
run_job() {
  CONFJOB_ATTEMPT=$attempt CONFJOB_RESUME=$resume
  export CONFJOB_ATTEMPT CONFJOB_RESUME
  if env --default-signal=INT true 2>/dev/null; then
    exec env --default-signal=INT --default-signal=QUIT /bin/sh "$run/job.sh"
  elif "$python" -S -c pass 2>/dev/null; then
    exec "$python" -S -c "$undo" /bin/sh "$run/job.sh"
  fi
  exec /bin/sh "$run/job.sh"
}

# Kill all but this shell and the one that runs job.sh, which has an end record to write.
kill_rest() {
  for entry in /proc/[0-9]*; do
    pid=${entry#/proc/}
    case $pid in 1 | "$$" | "$job") ;; *) kill -s KILL "$pid" 2>/dev/null ;; esac
  done
}

begin_end() {
  [ -z "$ending" ] || return 0
  ending=1
  kill -s TERM -- -1 2>/dev/null
  kill -s CONT -- -1 2>/dev/null # a stopped process would not get its TERM
  alarm "$grace" USR2
}

on_term() {
  asked=1
  [ -z "$job" ] || begin_end
}

on_late() {
  if [ -n "$job" ] && [ -z "$ending" ] && ! [ -e "$records/end.json" ]; then
    stopped=1
    record stop.json "$(printf '{"why": "time", "limit": %s, "at": %s}' "$limit" "$(date +%s)")"
    begin_end
  fi
}

# The grace is over: by force; and after five more seconds without job.sh's word.
on_due() {
  [ -n "$job" ] || return 0
  [ -e "$records/end.json" ] || kill_rest
  [ "$tries" -lt 5 ] || kill -s KILL "$job" 2>/dev/null
  tries=$((tries + 1))
  alarm 1 USR2
}

# Run the attempt to its end; sets $code, and $stopped if its time was over.
run_attempt() {
  records=$run/attempts/$attempt
  ending='' stopped='' tries=0
  before=$(killed_for_memory)
  run_job </dev/null &
  job=$!
  [ -z "$asked" ] || begin_end
  [ -z "$limit" ] || alarm "$limit" USR1
  while :; do
    wait "$job"
    code=$?
    kill -0 "$job" 2>/dev/null || break
  done
  # If a signal ended the wait, that was no exit code; a shell that has given it away says 127.
  if [ "$code" -gt 128 ]; then
    wait "$job" 2>/dev/null
    given=$?
    [ "$given" -eq 127 ] || code=$given
  fi
  job=''
  killed=$(($(killed_for_memory) - before))
  if [ "$code" -ne 0 ] && [ "$killed" -gt 0 ]; then
    record memory.json "$(printf '{"killed": %s, "at": %s}' "$killed" "$(date +%s)")"
  fi
}

# Whether there is to be another attempt after this one; sets $resume to why.
wants_another() {
  [ -z "$asked" ] && [ "$attempt" -lt "$last" ] && [ "$code" -ne 0 ] || return 1
  [ -d "$run" ] && ! [ -e "$run/cancel.json" ] || return 1
  if [ -n "$stopped" ]; then
    resume=timeout
  elif [ -e "$records/end.json" ]; then
    resume=failure
  else
    resume=lost
  fi
  for each; do
    case $each in "$resume") return 0 ;; "exit:$code") [ "$resume" != failure ] || return 0 ;; esac
  done
  return 1
}

# Wait for $1 seconds, unless the end comes before.
pause() {
  left=$1
  while [ "$left" -gt 0 ] && [ -z "$asked" ] && ! [ -e "$run/cancel.json" ]; do
    sleep 1
    left=$((left - 1))
  done
}

# The next attempt's folder appears with the word on whose container it runs in.
begin_next() {
  attempt=$((attempt + 1))
  draft=$run/attempts/.$attempt.1
  (
    umask 077
    mkdir -p "$draft" && printf '{"first": %s}\n' "$own" >"$draft/container.json" &&
      mv "$draft" "$run/attempts/$attempt"
  )
}

while :; do
  run_attempt
  wants_another "$@" || break
  record again.json "$(printf '{"why": "%s", "at": %s}' "$resume" "$(date +%s)")" || break
  kill -s KILL -- -1 2>/dev/null # what the attempt has left behind must not meet the next one
  [ "$backoff" -le 86400 ] || backoff=86400
  pause "$backoff"
  [ -z "$asked" ] && ! [ -e "$run/cancel.json" ] || break
  begin_next || break
  backoff=$((backoff * 2))
done
exit "$code"
