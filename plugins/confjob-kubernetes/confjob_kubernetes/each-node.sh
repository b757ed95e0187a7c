#!/bin/sh
# Starts a job's command on one of several nodes: each pod of the Job runs this for itself.
# MASTER_ADDR, MASTER_PORT and NNODES are in the pod's environment; its number is the Job's to give.
NODE_RANK=${JOB_COMPLETION_INDEX:-0}
PET_NNODES=$NNODES
PET_NODE_RANK=$NODE_RANK
PET_RDZV_BACKEND=c10d
PET_RDZV_ENDPOINT=$MASTER_ADDR:$MASTER_PORT
PET_RDZV_ID=$CONFJOB_RUN_ID
export NODE_RANK PET_NNODES PET_NODE_RANK PET_RDZV_BACKEND PET_RDZV_ENDPOINT PET_RDZV_ID
exec "$@"
