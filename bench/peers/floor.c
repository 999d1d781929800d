/* W0 in C: the floor below everybody who uses librdkafka. One record in, one out; at least once.
 *
 * Its job is in the environment, as bench/peers/job.py says; it says `begin` before its first record and `end` once
 * everything is written and its offsets are committed. */

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 2000
#define WAIT_MS 20
#define DONE_MS 30000

static const char *told(const char *name) {
  const char *value = getenv(name);
  if (!value) {
    fprintf(stderr, "%s is not set\n", name);
    exit(1);
  }
  return value;
}

static void need(int holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "%s\n", what);
    exit(1);
  }
}

static void say(const char *word) {
  printf("%s\n", word);
  fflush(stdout);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char error[512];
  need(rd_kafka_conf_set(conf, name, value, error, sizeof error) == RD_KAFKA_CONF_OK, error);
}

static void delivered(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  (void)opaque;
  need(!message->err, rd_kafka_err2str(message->err)); /* only failures are reported */
}

static rd_kafka_t *start(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
  char error[512];
  rd_kafka_t *client = rd_kafka_new(type, conf, error, sizeof error);
  need(client != NULL, error);
  return client;
}

static rd_kafka_t *new_consumer(void) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", told("BENCH_BROKER"));
  set(conf, "group.id", told("BENCH_GROUP"));
  set(conf, "enable.auto.commit", "false");
  set(conf, "enable.auto.offset.store", "true");
  set(conf, "auto.offset.reset", "earliest");
  rd_kafka_t *consumer = start(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, told("BENCH_SOURCE"), RD_KAFKA_PARTITION_UA);
  need(!rd_kafka_subscribe(consumer, topics), "cannot subscribe");
  rd_kafka_topic_partition_list_destroy(topics);
  return consumer;
}

static rd_kafka_t *new_producer(void) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", told("BENCH_BROKER"));
  set(conf, "acks", "all");
  set(conf, "enable.idempotence", "true");
  set(conf, "batch.size", "1000000");
  set(conf, "queue.buffering.max.messages", "1000000");
  set(conf, "delivery.report.only.error", "true");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  return start(RD_KAFKA_PRODUCER, conf);
}

static void pass(rd_kafka_t *producer, rd_kafka_topic_t *output, rd_kafka_message_t *message) {
  need(!message->err, rd_kafka_message_errstr(message));
  while (rd_kafka_produce(output, message->partition, RD_KAFKA_MSG_F_COPY, message->payload, message->len,
                          message->key, message->key_len, NULL)) {
    need(rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL, rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_poll(producer, 10);
  }
  rd_kafka_message_destroy(message);
}

int main(void) {
  long events = atol(told("BENCH_EVENTS")), passed = 0;
  rd_kafka_t *consumer = new_consumer(), *producer = new_producer();
  rd_kafka_topic_t *output = rd_kafka_topic_new(producer, told("BENCH_OUTPUT"), NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_message_t *messages[BATCH];

  need(!strcmp(told("BENCH_WORK"), "W0"), "the floor does W0 only");
  while (passed < events) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, BATCH);
    need(count >= 0, "cannot consume");
    if (count && !passed) say("begin");
    for (ssize_t i = 0; i < count; i++) pass(producer, output, messages[i]);
    passed += count;
    rd_kafka_poll(producer, 0);
  }
  need(!rd_kafka_flush(producer, DONE_MS), "not everything was delivered in time");
  need(!rd_kafka_commit(consumer, NULL, 0), "cannot commit");
  say("end");
  pause();
  return 0;
}
