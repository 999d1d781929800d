package bench;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Map;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The two pieces of work, on the processor API: what the DSL compiles to, without its timestamps and change records. */
final class Work {
    private static final String ROWS = "rows";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectReader EVENT = JSON.readerFor(Event.class);
    private static final ObjectWriter DOUBLED = JSON.writerFor(Doubled.class);

    static Topology topology(Main.Job job, Main.Progress progress, boolean tuned) {
        boolean folds = job.work().equals("W2");
        ProcessorSupplier<byte[], byte[], byte[], byte[]> work =
            folds ? () -> new Folding(progress) : () -> new Adding(progress);
        Topology topology = new Topology().addSource("source", job.source()).addProcessor("work", work, "source");
        if (folds) {
            // The default is RocksDB. Rows that fit into memory are documented to be faster there, changelog and all.
            var rows = tuned ? Stores.inMemoryKeyValueStore(ROWS) : Stores.persistentKeyValueStore(ROWS);
            topology.addStateStore(
                Stores.keyValueStoreBuilder(rows, Serdes.Bytes(), new RowSerde())
                    .withCachingEnabled().withLoggingEnabled(Map.of()), "work");
        }
        return topology.addSink("output", job.output(), "work");
    }

    private Work() {}

    public static final class Event {
        public long n;
        public String key;
        public double amount;
        public String text;
    }

    @JsonPropertyOrder({"n", "key", "amount", "text", "doubled"})
    public record Doubled(long n, String key, double amount, String text, double doubled) {}

    record Row(long events, double total, long offset) {}

    private abstract static class Counting implements Processor<byte[], byte[], byte[], byte[]> {
        private final Main.Progress progress;
        ProcessorContext<byte[], byte[]> context;

        Counting(Main.Progress progress) {
            this.progress = progress;
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            // At the very end the next commit may be half a minute away: it is asked for, and so is part of the cost.
            context.schedule(Main.Progress.CHECK, PunctuationType.WALL_CLOCK_TIME, now -> {
                if (progress.isComplete()) {
                    context.commit();
                }
            });
        }

        @Override
        public void process(Record<byte[], byte[]> record) {
            progress.count();
            try {
                apply(record, EVENT.readValue(record.value()));
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }

        abstract void apply(Record<byte[], byte[]> record, Event event) throws IOException;
    }

    /** W1: adds a field. */
    private static final class Adding extends Counting {
        Adding(Main.Progress progress) {
            super(progress);
        }

        @Override
        void apply(Record<byte[], byte[]> record, Event event) throws IOException {
            Doubled doubled = new Doubled(event.n, event.key, event.amount, event.text, event.amount * 2);
            context.forward(record.withValue(DOUBLED.writeValueAsBytes(doubled)));
        }
    }

    /** W2: folds into the person's row and passes the event through. */
    private static final class Folding extends Counting {
        private KeyValueStore<org.apache.kafka.common.utils.Bytes, Row> rows;

        Folding(Main.Progress progress) {
            super(progress);
        }

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            rows = context.getStateStore(ROWS);
        }

        @Override
        void apply(Record<byte[], byte[]> record, Event event) {
            var key = org.apache.kafka.common.utils.Bytes.wrap(record.key());
            Row row = rows.get(key);
            long offset = context.recordMetadata().orElseThrow().offset();
            rows.put(key, row == null
                ? new Row(1, event.amount, offset)
                : new Row(row.events + 1, row.total + event.amount, offset));
            context.forward(record);
        }
    }

    /** A row as everybody keeps it: a msgpack array of [events, total, offset], numbers as short as they go. */
    static final class RowSerde implements Serde<Row> {
        @Override
        public Serializer<Row> serializer() {
            return (topic, row) -> {
                if (row == null) {
                    return null;
                }
                ByteBuffer bytes = ByteBuffer.allocate(28).put((byte) 0x93);
                putLong(bytes, row.events);
                bytes.put((byte) 0xcb).putDouble(row.total);
                putLong(bytes, row.offset);
                byte[] shortest = new byte[bytes.position()];
                bytes.flip().get(shortest);
                return shortest;
            };
        }

        @Override
        public Deserializer<Row> deserializer() {
            return (topic, told) -> {
                if (told == null) {
                    return null;
                }
                ByteBuffer bytes = ByteBuffer.wrap(told, 1, told.length - 1);
                long events = getLong(bytes);
                bytes.get();
                return new Row(events, bytes.getDouble(), getLong(bytes));
            };
        }

        private static void putLong(ByteBuffer bytes, long value) {
            if (value < 128) {
                bytes.put((byte) value);
            } else if (value < 1 << 8) {
                bytes.put((byte) 0xcc).put((byte) value);
            } else if (value < 1 << 16) {
                bytes.put((byte) 0xcd).putShort((short) value);
            } else if (value < 1L << 32) {
                bytes.put((byte) 0xce).putInt((int) value);
            } else {
                bytes.put((byte) 0xcf).putLong(value);
            }
        }

        private static long getLong(ByteBuffer bytes) {
            byte kind = bytes.get();
            return switch (kind) {
                case (byte) 0xcc -> bytes.get() & 0xff;
                case (byte) 0xcd -> bytes.getShort() & 0xffff;
                case (byte) 0xce -> bytes.getInt() & 0xffffffffL;
                case (byte) 0xcf -> bytes.getLong();
                default -> kind;
            };
        }
    }
}
