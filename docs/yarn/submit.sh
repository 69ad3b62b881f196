#!/bin/sh
# cpullm on YARN: ENVIRONMENT=env.tar.gz submit.sh summarize SOURCE --out FOLDER
#   SPARK_HOME, HADOOP_CONF_DIR  as for every job
#   ENVIRONMENT  the packed environment: env.tar.gz of a bundle, or conda-pack's, here or in HDFS
#   PYTHON       the same environment on this machine: its interpreter (python3)
#   MODE         client (the driver runs here) or cluster
#   NODE_JAVA    Java 17 or later on every node, where YARN's own is older
set -eu
: "${SPARK_HOME:?is not set}" "${ENVIRONMENT:?names no archive}"
mode=${MODE:-client} python=${PYTHON:-python3}

# On the nodes the archive is unpacked into the folder of each container, under the name behind the #.
export PYSPARK_PYTHON=./environment/bin/python
if [ "$mode" = client ]; then export PYSPARK_DRIVER_PYTHON="$python"; else unset PYSPARK_DRIVER_PYTHON; fi

exec "$SPARK_HOME/bin/spark-submit" --master yarn --deploy-mode "$mode" --name cpullm \
    --archives "$ENVIRONMENT#environment" \
    ${NODE_JAVA:+--conf "spark.executorEnv.JAVA_HOME=$NODE_JAVA" --conf "spark.yarn.appMasterEnv.JAVA_HOME=$NODE_JAVA"} \
    --conf spark.executor.instances=8 \
    --conf spark.executor.cores=4 \
    --conf spark.task.cpus=4 \
    --conf spark.executor.memory=1g \
    --conf spark.executor.memoryOverhead=5g \
    "$("$python" -m cpullm.cli launcher)" "$@"
