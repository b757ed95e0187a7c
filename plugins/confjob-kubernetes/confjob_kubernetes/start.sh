#!/bin/sh
# start.sh STATE RUN: what a pod runs. It puts a run's archive together and hands over to the courier;
# or, where the state folder is a shared volume, it only finds out which attempt this is.
inputs=${0%/*/*}
if [ -r "$inputs/open-00/part" ]; then
  # A pod that stands in for a preempted one is another attempt.
  CONFJOB_ATTEMPT=$((CONFJOB_ATTEMPT + ${CONFJOB_RESTARTS:-0}))
  set -- "$@" "$1/.open.tgz" "$inputs/secret/secret.tgz"
  cat "$inputs"/open-*/part >"$3" || exit 125
else
  # The records of the pods before it stand there.
  while [ -d "$1/runs/$2/attempts/$CONFJOB_ATTEMPT/claim" ]; do
    CONFJOB_ATTEMPT=$((CONFJOB_ATTEMPT + 1))
  done
fi
export CONFJOB_ATTEMPT
exec sh "$inputs/open-00/courier.sh" "$@"
