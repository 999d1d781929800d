package bench;

import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** W5: restores a store in memory from the changelog that is there; says what bench/peers/restored.py says. */
final class Restored implements StateRestoreListener {
    private static final String ROWS = "rows";

    private final AtomicInteger left;
    private final AtomicInteger unread;
    private final AtomicLong rows = new AtomicLong();
    private final AtomicLong checksum = new AtomicLong();
    private long begunAt;

    Restored(int partitions) {
        this.left = new AtomicInteger(partitions);
        this.unread = new AtomicInteger(partitions);
    }

    Topology topology(Main.Job job) {
        ProcessorSupplier<byte[], byte[], byte[], byte[]> reading = Reading::new;
        return new Topology()
            .addSource("source", job.source())
            .addProcessor("reading", reading, "source")
            .addStateStore(
                Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(ROWS), Serdes.Bytes(), Serdes.ByteArray())
                    .withLoggingEnabled(Map.of()), "reading");
    }

    @Override
    public synchronized void onRestoreStart(TopicPartition partition, String store, long first, long end) {
        if (begunAt == 0) {
            begunAt = System.nanoTime();
        }
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long total) {
        if (left.decrementAndGet() == 0) {
            Main.say(String.format(Locale.ROOT, "end %.6f", (System.nanoTime() - begunAt) / 1e9));
        }
    }

    /** Sums up the rows of a task as soon as they are restored, which is before it processes anything. */
    private final class Reading implements Processor<byte[], byte[], byte[], byte[]> {
        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            KeyValueStore<Bytes, byte[]> store = context.getStateStore(ROWS);
            CRC32 crc = new CRC32();
            try (var all = store.all()) {
                all.forEachRemaining(row -> {
                    crc.reset();
                    crc.update(row.key.get());
                    crc.update(row.value);
                    checksum.addAndGet(crc.getValue());
                    rows.incrementAndGet();
                });
            }
            if (unread.decrementAndGet() == 0) {
                Main.say("sum " + rows.get() + " " + checksum.get());
            }
        }

        @Override
        public void process(Record<byte[], byte[]> record) {}
    }
}
