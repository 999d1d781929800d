package bench;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * W1, W2 and W5 on Kafka Streams. The job is in the environment, as bench/peers/job.py says; arguments: `default` or `tuned`,
 * then `once` or `least`. Says `begin` at the first event behind the warm-up, `end` once all offsets are committed.
 */
public final class Main {
    private static final int COMMITTED_POLL_MS = 20;

    public static void main(String[] arguments) throws Exception {
        boolean tuned = arguments[0].equals("tuned");
        boolean once = arguments[1].equals("once");
        Job job = Job.load();
        if (job.work().equals("W5")) {
            Restored restored = new Restored(job.partitions());
            KafkaStreams streams = streams(restored.topology(job), settings(job, tuned, once));
            streams.setGlobalStateRestoreListener(restored);
            say("begin");
            streams.start();
            new CountDownLatch(1).await();
        }
        Progress progress = new Progress(job.events(), job.warm());
        KafkaStreams streams = streams(Work.topology(job, progress, tuned), settings(job, tuned, once));
        try (Admin admin = Admin.create(Map.of(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, job.broker()))) {
            admin.describeCluster().clusterId().get();
            streams.start();
            progress.complete.await();
            while (committed(admin, job) < job.events()) {
                Thread.sleep(COMMITTED_POLL_MS);
            }
            say("end");
            new CountDownLatch(1).await();
        }
    }

    private static KafkaStreams streams(Topology topology, Properties settings) {
        KafkaStreams streams = new KafkaStreams(topology, settings);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        return streams;
    }

    static void say(String word) {
        System.out.println(word);
        System.out.flush();
    }

    /** The defaults are Kafka's own; the tuned ones follow its documentation on throughput. */
    private static Properties settings(Job job, boolean tuned, boolean once) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, job.group());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.broker());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("BENCH_STATE"));
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.ACKS_CONFIG), "all");
        if (once) {
            settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        }
        if (once || job.commitMs() > 0) {
            settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, job.commitMs());
        }
        if (tuned) {
            settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
            settings.put(StreamsConfig.METRICS_RECORDING_LEVEL_CONFIG, "INFO");
            settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 10_000);
            settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG), 100);
            settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 900_000);
            settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 5);
            settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 256L << 20);
        }
        return settings;
    }

    private static long committed(Admin admin, Job job) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> offsets =
            admin.listConsumerGroupOffsets(job.group()).partitionsToOffsetAndMetadata().get();
        return offsets.values().stream().mapToLong(place -> place == null ? 0 : place.offset()).sum();
    }

    private Main() {}

    /** What to do with which topics. */
    record Job(
        String work, String broker, String source, String output, String group, int partitions, long events, long warm,
        long commitMs) {
        static Job load() {
            return new Job(
                told("WORK"), told("BROKER"), told("SOURCE"), told("OUTPUT"), told("GROUP"),
                Integer.parseInt(told("PARTITIONS")), Long.parseLong(told("EVENTS")), Long.parseLong(told("WARM")), Long.parseLong(told("COMMIT_MS")));
        }

        private static String told(String name) {
            String value = System.getenv("BENCH_" + name);
            if (value == null) {
                throw new IllegalArgumentException("BENCH_" + name + " is not set");
            }
            return value;
        }
    }

    /** Counts events; only the one stream thread touches it. */
    static final class Progress {
        static final Duration CHECK = Duration.ofMillis(50);
        final CountDownLatch complete = new CountDownLatch(1);
        private final long events;
        private final long warm;
        private long applied;

        Progress(long events, long warm) {
            this.events = events;
            this.warm = warm;
        }

        void count() {
            if (applied++ == warm) {
                say("begin");
            }
        }

        /** Tells whether everything was applied, and lets the main thread know. */
        boolean isComplete() {
            if (events == 0 || applied < events) {
                return false;
            }
            complete.countDown();
            return true;
        }
    }
}
