#!/bin/sh
# courier.sh STATE RUN [PACK.tgz …] runs a job of confjob on a machine that does not see its run folder.
#
# It unpacks the packs into STATE, runs STATE/runs/RUN/job.sh in a session of its own, and exits with its
# exit code. Its standard output is the job's log, byte for byte, while it grows; and in between, on lines
# of their own, the records and outputs as tar files, which `confjob.remote.receive` takes out again.
#
# TERM, INT and HUP are passed on to all processes of the job; those that live after the grace are killed.
# When this script is killed, the job is ended as by TERM.
#
#   CONFJOB_ATTEMPT        the attempt's number (1)
#   CONFJOB_GRACE          seconds between the signal and the end by force (10)
#   CONFJOB_TIME           seconds that the job may take (0: no limit)
#   CONFJOB_SYNC           seconds between two looks for small outputs that have changed (0: at the end only)
#   CONFJOB_OUTPUTS_LIMIT  bytes of outputs that are sent (52428800); what is above it stays there
#   CONFJOB_TIDY           1: remove the run folder after the end, unless outputs stay in it
#   CONFJOB_FRAMES         0: send nothing but the log, where both sides see the run folder
#   CONFJOB_TEXT           1: print text only (UTF-8 without carriage returns), for engines that read
#                          nothing else; what is no such text in the log is shown as near as can be,
#                          and goes in between as files do
#
# There are three processes. The first is the one that engines signal and kill. The second talks and
# watches, in a session of its own: an engine that kills the first after three seconds must not cut off
# the grace or the outputs. The third leads the job's session. None is started with `&`, which would have
# SIGINT ignored in the job for good: `setsid setsid` forks and does not wait.
# What goes wrong is written to the job's log, where people look.

# number VALUE DEFAULT: VALUE as a whole number, rounded up
number() {
  case $1 in
    '' | *[!0-9.]* | .* | *.*.*) echo "$2" ;;
    *.*[1-9]*) echo $((${1%%.*} + 1)) ;;
    *) echo "${1%%.*}" ;;
  esac
}

# now: sets $now to hundredths of a second that no change of the clock disturbs
now() {
  now=
  [ -r /proc/uptime ] && read -r now rest </proc/uptime
  case $now in
    *[!0-9.]* | *.*.*) now=$(date +%s)00 ;;
    *.[0-9][0-9]) now=${now%.*}${now#*.} ;;
    *) now=$(date +%s)00 ;;
  esac
}

nap() {
  sleep "$1" 2>/dev/null || sleep 1
}

# put FILE WORD: write a file, whole or not at all
put() {
  printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

# got FILE: sets $got to its first line; fails while there is none
got() {
  got=
  [ -r "$1" ] && read -r got <"$1"
}

# lives PID: whether the process has not ended; a zombie, which some engines leave, has
lives() {
  kill -0 "$1" 2>/dev/null || return 1
  stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  case ${stat##*) } in
    [ZX]*) return 1 ;;
  esac
}

# members: sets $members to the live processes of the job's session, without its leader
members() {
  members=
  for file in /proc/[0-9]*/stat; do
    { read -r stat <"$file"; } 2>/dev/null || continue
    stat=${stat##*) }
    state=${stat%% *}
    stat=${stat#* * * }
    file=${file#/proc/}
    case $state in
      [ZX]) ;;
      *) [ "${stat%% *}" != "$leader" ] || [ "${file%/stat}" = "$leader" ] || members="$members ${file%/stat}" ;;
    esac
  done
}

# tell SIGNAL: send it to the job's group, and to what left the group but not the session
tell() {
  kill -s "$1" -- "-$leader" 2>/dev/null
  members
  for pid in $members; do
    [ "$(group "$pid")" = "$leader" ] || kill -s "$1" "$pid" 2>/dev/null
  done
  kill -s CONT -- "-$leader" 2>/dev/null # what is stopped would not get its TERM
}

group() {
  stat=
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null
  stat=${stat##*) }
  stat=${stat#* * }
  echo "${stat%% *}"
}

# force: kill the job, but let job.sh write down how it ended; the second time kill all
force() {
  members
  got "$home/job"
  if [ -n "$forced" ] || [ -z "$members" ]; then
    kill -s KILL -- "-$leader" 2>/dev/null
  fi
  for pid in $members; do
    { [ "$pid" = "$got" ] && [ -z "$forced" ]; } || kill -s KILL "$pid" 2>/dev/null
  done
  forced=yes
}

# ---- the first process -------------------------------------------------------------------------------

main() {
  state=$1 run=$1/runs/$2 asked='' talker=''
  shift 2
  trap 'asked=TERM' TERM
  trap 'asked=INT' INT
  trap 'asked=HUP' HUP
  token=$(dd if=/dev/urandom bs=24 count=1 2>/dev/null | base64 | tr -d '\n' | tr '+/' '-_')
  attempt=$(number "${CONFJOB_ATTEMPT-}" 1)
  printf 'confjob: courier 1 %s %s\n' "$token" "$attempt"
  mkdir -p "$state/runs" "$state/snapshots" || give_up "$state can't be made"
  [ $# -eq 0 ] || unpack "$@"
  [ -r "$run/job.sh" ] || give_up "there is no $run/job.sh"
  home=$run/.courier-$token
  mkdir "$home" || give_up "$home can't be made"
  [ -z "$asked" ] || never
  setsid setsid sh "$0" --talk "$run" "$token" "$attempt" "$$" </dev/null 2>/dev/null ||
    give_up "setsid (of util-linux or busybox) can't be run"
  follow
}

# unpack PACK…: a snapshot, which other runs may be reading, appears whole or is there already
unpack() {
  new=$state/.new-$token
  mkdir "$new" || give_up "$new can't be made"
  for pack; do
    tar -xzf "$pack" -C "$new" || { rm -rf "$new"; give_up "$pack can't be unpacked"; }
  done
  for folder in "$new"/snapshots/*; do
    place=$state/snapshots/${folder##*/}
    [ -d "$folder" ] && [ ! -d "$place" ] && mv "$folder" "$place" || continue
    rm -rf "$place/${folder##*/}" # another run's courier was first, and this one went into it
  done
  if [ -d "$run" ]; then
    # An earlier attempt's: what it has made of its files, such as commits, is not undone.
    for file in "$new/runs/${run##*/}"/* "$new/runs/${run##*/}"/.[!.]*; do
      place=$run/${file##*/}
      [ -e "$place" ] || [ -h "$place" ] || [ ! -e "$file" ] || mv "$file" "$place"
    done
  else
    mv "$new/runs/${run##*/}" "$run"
  fi || { rm -rf "$new"; give_up "$run can't be made"; }
  rm -rf "$new"
}

give_up() {
  echo "confjob: the job was not started: $1"
  exit 125
}

# never: it was asked to end before the job began
never() {
  rm -rf "$home"
  echo "confjob: the job was not started: SIG$asked came first"
  exit 143
}

# follow: pass signals on until the second process says how the job ended
follow() {
  waited=0
  until got "$home/code"; do
    if got "$home/talker"; then
      talker=$got
      [ -z "$asked" ] || { signal=$asked asked='' && kill -s "$signal" "$talker" 2>/dev/null; }
      lives "$talker" || got "$home/code" || { lost; break; }
    elif [ "$waited" -gt 300 ]; then
      give_up "its second process did not start"
    fi
    waited=$((waited + 1))
    nap 0.1
  done
  clean "$got"
  exit "$got"
}

# lost: somebody killed the second process; nothing of the job shall be left
lost() {
  got "$home/leader" && kill -s KILL -- "-$got" 2>/dev/null
  got=137
}

# clean: remove what is ours; and the run, if that is wanted and nothing of it stays here
clean() {
  if [ "${CONFJOB_TIDY-}" = 1 ] && [ ! -e "$home/kept" ]; then
    rm -rf "$run"
  else
    rm -rf "$home"
  fi
}

# ---- the second process ------------------------------------------------------------------------------

talk() {
  run=$1 token=$2 attempt=$3 main=$4
  home=$run/.courier-$token log=$run/output.log leader='' asked='' forced='' by=''
  trap 'asked=TERM' TERM
  trap 'asked=INT' INT
  trap 'asked=HUP' HUP
  put "$home/talker" "$$"
  grace=$(number "${CONFJOB_GRACE-}" 10) limit=$(number "${CONFJOB_OUTPUTS_LIMIT-}" 52428800)
  time=$(number "${CONFJOB_TIME-}" 0) sync=$(number "${CONFJOB_SYNC-}" 0)
  frames=0 told='' ticks=0 budget=$limit
  open_log
  setsid setsid sh "$0" --lead "$run" "$home" </dev/null >>"$log" 2>&1 3<&-
  trap '' PIPE # whoever listened may be gone; the job is ended all the same
  now
  begun=$now last=$now
  until got "$home/ended"; do
    watch || break
    ticks=$((ticks + 1))
    if [ "$ticks" -lt 100 ]; then nap 0.1; else nap 0.3; fi
  done
  code=${got:-137}
  got "$home/leader" && leader=$got && end_rest
  last_words
  put "$home/code" "$code"
  lives "$main" || clean
}

# open_log: read the log from where this attempt begins
open_log() {
  : >>"$log"
  start=$(size "$log")
  exec 3<"$log"
  [ "$start" -eq 0 ] || dd bs=1 count=0 skip="$start" <&3 >/dev/null 2>&1
}

size() {
  stat -c %s "$1" 2>/dev/null || wc -c <"$1"
}

# copy: print what the log has got, some megabytes at a time
copy() {
  if [ "${CONFJOB_TEXT-}" = 1 ]; then
    dd bs=65536 count=64 <&3 >"$home/chunk" 2>/dev/null
    if is_text; then cat "$home/chunk"; else chunk; fi
  else
    dd bs=65536 count="${1:-64}" <&3 2>/dev/null
  fi
}

is_text() {
  [ -s "$home/chunk" ] || return 0
  # Some iconv take more than UTF-8 has; its last plane is for private use.
  [ "$(LC_ALL=C tr -d '\r\364-\377' <"$home/chunk" | wc -c)" -eq "$(size "$home/chunk")" ] || return 1
  iconv -f UTF-8 -t UTF-8 "$home/chunk" >"$home/text" 2>/dev/null && return
  [ "$(LC_ALL=C tr -d '\001-\177' <"$home/chunk" | wc -c)" -eq 0 ]
}

# chunk: print a part of the log for people, and then as it is
chunk() {
  begin ' log'
  LC_ALL=C tr '\r\000\200-\377' '\n??' <"$home/chunk" | sed 's/^/| /'
  echo '|'
  base64 <"$home/chunk"
  end
}

# watch: what is to be done now and again; fails when the job's session is gone without a word
watch() {
  copy
  now
  if [ -z "$leader" ]; then
    got "$home/leader" || { [ $((now - begun)) -lt 6000 ]; return; }
    leader=$got
  fi
  if ! lives "$leader"; then
    got "$home/ended" && return
    got=
    return 1
  fi
  [ -n "$by$asked" ] || lives "$main" || asked=TERM
  if [ "$time" -gt 0 ] && [ -z "$by$asked" ] && [ $((now - begun)) -ge $((time * 100)) ]; then
    put "$run/attempts/$attempt/stop.json" "{\"why\": \"time\", \"limit\": $time, \"at\": $(date +%s)}"
    asked=TERM
  fi
  if [ -n "$asked" ]; then
    signal=$asked asked=''
    tell "$signal"
    by=${by:-$((now + grace * 100))}
  elif [ -n "$by" ] && [ "$now" -ge "$by" ]; then
    force
    by=$((now + 500))
  fi
  synchronize
}

# synchronize: send records and small outputs that have changed
synchronize() {
  if [ -z "$told" ] && [ -e "$run/attempts/$attempt/start.json" ]; then
    told=yes
    stage
    records
    frame
  fi
  [ "$sync" -gt 0 ] && [ $((now - last)) -ge $((sync * 100)) ] && [ "$budget" -gt 0 ] || return 0
  last=$now
  stage
  put "$home/left" "$budget"
  : >"$home/now"
  # Some programs compare times by the second: what is newer than the look before the last one.
  if [ -e "$home/older" ]; then collect -size -2049 -newer "$home/older"; else collect -size -2049; fi
  [ ! -e "$home/last" ] || mv -f "$home/last" "$home/older"
  mv -f "$home/now" "$home/last"
  got "$home/left" && budget=$got
  rm -f "$home/kept"
  frame
}

# end_rest: end what the job has left behind
end_rest() {
  members
  [ -n "$members" ] || return 0
  now
  [ -n "$by" ] || { by=$((now + grace * 100)) && tell TERM; }
  forced=yes rounds=0
  while [ -n "$members" ] && [ "$rounds" -lt 100 ]; do
    copy
    now
    [ "$now" -lt "$by" ] || { force && rounds=$((rounds + 1)); }
    nap 0.1
    members
  done
}

# last_words: the rest of the log, the outputs, the records
last_words() {
  stage
  put "$home/left" "$limit"
  rm -f "$home/kept"
  collect
  [ ! -e "$home/kept" ] || tell_kept
  copy 16384
  rounds=0
  while [ -s "$home/chunk" ] && [ "$rounds" -lt 256 ]; do # text only comes in pieces
    copy
    rounds=$((rounds + 1))
  done
  frame
  stage
  records
  end=$(size "$log")
  [ $((end - start)) -gt "$limit" ] || tail -c +$((start + 1)) "$log" >"$home/stage/output.log"
  frame
}

tell_kept() {
  count=0 sum=0
  while read -r bytes; do
    count=$((count + 1)) sum=$((sum + bytes))
  done <"$home/kept"
  printf 'confjob: outputs that do not fit in %s bytes (the outputs limit) stay in %s: %s of them, %s bytes\n' \
    "$limit" "$run/workspace" "$count" "$sum" >>"$log"
}

# stage: an empty folder for what is sent next
stage() {
  rm -rf "$home/stage"
  mkdir -p "$home/stage"
}

# frame: print what is staged as a tar file; the line feed before it is taken out again
frame() {
  [ "${CONFJOB_FRAMES-}" != 0 ] && [ -n "$(ls -A "$home/stage")" ] || return 0
  begin ''
  tar -cf - -C "$home/stage" . | gzip -c | base64
  end
}

begin() {
  frames=$((frames + 1))
  printf '\nconfjob: %s begin %s%s\n' "$token" "$frames" "$1"
}

end() {
  printf 'confjob: %s end %s\n' "$token" "$frames"
}

records() {
  for file in "$run"/attempts/*/*.json; do
    [ -f "$file" ] && [ ! -h "$file" ] || continue
    folder=$home/stage/${file#"$run/"}
    mkdir -p "${folder%/*}" && cp -p "$file" "$folder"
  done
  [ ! -d "$run/reads" ] || cp -RPp "$run/reads" "$home/stage/"
}

# collect FIND-ARGUMENTS: stage outputs: what the workspace has and was not given
collect() {
  [ "${CONFJOB_FRAMES-}" != 0 ] && [ -d "$run/workspace" ] && [ ! -h "$run/workspace" ] || return 0
  mkdir -p "$home/stage/workspace"
  (
    cd "$run/workspace" || exit
    find . -name __pycache__ -prune -o \( -type f -o -type l \) ! -path ./.git "$@" \
      -exec sh -c "$STAGE" "$home" {} +
  )
  rmdir "$home/stage/workspace" 2>/dev/null
}

# Runs in the workspace for a batch of files. A file was given if snapshot or patch have it as it is;
# copies keep their time, so that only what is as new as the run, to the second, needs to be read.
# shellcheck disable=SC2016
STAGE='
run=${0%/*} begun=$0/talker
prefix=$(readlink "$run/.given/prefix" 2>/dev/null)
read -r left <"$0/left"

same() {
  if [ -h "$1" ] || [ -h "$2" ]; then
    [ -h "$1" ] && [ -h "$2" ] && [ "$(readlink "$1")" = "$(readlink "$2")" ]
  else
    [ -f "$2" ] &&
      { { [ "$1" -ot "$begun" ] && [ ! "$1" -nt "$2" ] && [ ! "$1" -ot "$2" ]; } || cmp -s "$1" "$2"; }
  fi
}

given() {
  inner=${1#./}
  case $prefix in
    "" | .) ;;
    *) case $inner in "$prefix"/*) inner=${inner#"$prefix"/} ;; *) return 1 ;; esac ;;
  esac
  same "$1" "$run/patch/$inner" || same "$1" "$run/.given/tree/$inner"
}

for file do
  ! given "$file" || continue
  size=$(stat -c %s "$file" 2>/dev/null) || continue
  if [ "$size" -gt "$left" ]; then
    echo "$size" >>"$0/kept"
  elif cp -Pp --parents "$file" "$0/stage/workspace" 2>/dev/null; then
    left=$((left - size))
  fi
done
echo "$left" >"$0/left"
'

# ---- the third process -------------------------------------------------------------------------------

lead() {
  home=$2
  put "$home/leader" "$$"
  unset CONFJOB_GRACE CONFJOB_TIME CONFJOB_SYNC CONFJOB_OUTPUTS_LIMIT CONFJOB_TIDY CONFJOB_FRAMES CONFJOB_TEXT
  trap : TERM INT HUP # what is caught is as usual again in what this starts
  sh -c 'echo "$$" >"$1" && exec sh "$2"' sh "$home/job" "$1/job.sh"
  put "$home/ended" "$?"
}

umask 077
case ${1-} in
  --talk) shift && talk "$@" ;;
  --lead) shift && lead "$@" ;;
  '') echo "usage: courier.sh STATE RUN [PACK.tgz …]" >&2 && exit 2 ;;
  *) main "$@" ;;
esac
