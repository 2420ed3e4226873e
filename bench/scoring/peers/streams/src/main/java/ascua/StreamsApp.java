package ascua;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.internals.DefaultKafkaClientSupplier;
import org.apache.kafka.streams.processor.internals.InternalProcessorContext;
import org.apache.kafka.streams.processor.internals.ProcessorNode;
import org.apache.kafka.streams.processor.internals.ProcessorRecordContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.internals.CacheFlushListener;
import org.apache.kafka.streams.state.internals.WrappedStateStore;

/**
 * Scoring on Kafka Streams, exactly once: `StreamsApp BOOTSTRAP PREFIX EVENTS stock|objects STATE_DIRECTORY`.
 *
 * stock: the persistent key-value store as it comes, record cache and changelog on: a lead is read from bytes and
 * written to bytes with each fact. objects: leads stay objects, and are written to the same store (and its changelog)
 * when Streams flushes its caches, before each commit. Heat is told when the cache is flushed, as a KTable tells it.
 */
public final class StreamsApp {
    static Watch watch;

    static final class LeadSerde implements Serde<Lead> {
        private final Records records = new Records();

        @Override
        public Serializer<Lead> serializer() {
            return (topic, lead) -> lead == null ? null : records.encode(lead);
        }

        @Override
        public Deserializer<Lead> deserializer() {
            return (topic, record) -> record == null ? null : Records.decode(record);
        }
    }

    /** What both kinds of processor have. */
    abstract static class Folding implements Processor<byte[], byte[], byte[], byte[]> {
        final Scoring scoring = new Scoring();
        final Records records = new Records();
        final Fact fact = new Fact();
        final List<Scoring.Crossing> crossings = new ArrayList<>();
        ProcessorContext<byte[], byte[]> context;
        InternalProcessorContext<byte[], byte[]> internal;
        ProcessorNode<?, ?, ?, ?> node;
        String text = "";
        long textAt;

        @Override
        @SuppressWarnings("unchecked")
        public void init(ProcessorContext<byte[], byte[]> context) {
            this.context = context;
            this.internal = (InternalProcessorContext<byte[], byte[]>) context;
            this.node = internal.currentNode();
        }

        String now() {
            long now = System.currentTimeMillis();
            if (now != textAt) {
                textAt = now;
                text = Records.time(now);
            }
            return text;
        }

        abstract Lead get(byte[] key);

        abstract void put(byte[] key, Lead lead);

        @Override
        public void process(Record<byte[], byte[]> record) {
            boolean isLast = watch.count();
            byte[] key = record.key();
            fact.read(record.value());
            Lead lead = get(key);
            if (lead == null) lead = new Lead();
            boolean isNew = scoring.takeIn(lead, fact, crossings);
            if (!isNew) watch.duplicates++;
            if (!crossings.isEmpty()) {
                if (lead.name == null) lead.name = new String(key, StandardCharsets.ISO_8859_1);
                for (Scoring.Crossing each : crossings) {
                    context.forward(record.withValue(records.crossing(lead.name, each, now())), "scoring");
                    watch.crossings++;
                }
                crossings.clear();
            }
            if (isNew) put(key, lead);
            if (isLast) context.commit();
        }

        void tell(byte[] key, Lead lead, long at) {
            if (lead.name == null) lead.name = new String(key, StandardCharsets.ISO_8859_1);
            context.forward(new Record<>(key, records.heat(lead, now()), at), "heat");
            watch.heats++;
        }

        void tellFromFlush(byte[] key, Lead lead, long at) {
            ProcessorNode<?, ?, ?, ?> before = internal.currentNode();
            internal.setCurrentNode(node);
            try {
                tell(key, lead, at);
            } finally {
                internal.setCurrentNode(before);
            }
        }
    }

    static final class Stock extends Folding {
        private KeyValueStore<byte[], Lead> store;

        @Override
        @SuppressWarnings("unchecked")
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            store = context.getStateStore("leads");
            StateStore inner = (StateStore) store;
            CacheFlushListener<byte[], Lead> listener =
                record -> {
                    if (record.value().newValue != null) tellFromFlush(record.key(), record.value().newValue, record.timestamp());
                };
            if (!((WrappedStateStore<?, byte[], Lead>) inner).setFlushListener(listener, false))
                throw new IllegalStateException("the store has no cache");
        }

        @Override
        Lead get(byte[] key) {
            return store.get(key);
        }

        @Override
        void put(byte[] key, Lead lead) {
            lead.told++;
            store.put(key, lead);
        }
    }

    /** Leads as objects over a store of bytes; written when Streams flushes its caches, before each commit. */
    static final class ObjectStore extends WrappedStateStore<KeyValueStore<Bytes, byte[]>, byte[], byte[]> {
        private final Map<Bytes, Lead> leads = new HashMap<>();
        private final List<Bytes> changed = new ArrayList<>();
        private final Records records = new Records();
        Objects owner;

        ObjectStore(KeyValueStore<Bytes, byte[]> inner) {
            super(inner);
        }

        Lead get(Bytes key) {
            Lead lead = leads.get(key);
            if (lead == null) {
                byte[] record = wrapped().get(key);
                leads.put(key, lead = record == null ? new Lead() : Records.decode(record));
            }
            return lead;
        }

        void changed(Bytes key, Lead lead, ProcessorRecordContext context) {
            lead.context = context;
            if (lead.isChanged) return;
            lead.isChanged = true;
            changed.add(key);
        }

        @Override
        public void flushCache() {
            if (changed.isEmpty()) return;
            InternalProcessorContext<byte[], byte[]> internal = owner.internal;
            ProcessorRecordContext current = internal.recordContext();
            try {
                for (Bytes key : changed) {
                    Lead lead = leads.get(key);
                    ProcessorRecordContext context = (ProcessorRecordContext) lead.context;
                    internal.setRecordContext(context);
                    lead.told++;
                    owner.tellFromFlush(key.get(), lead, context.timestamp());
                    wrapped().put(key, records.encode(lead));
                    lead.isChanged = false;
                    lead.context = null;
                }
            } finally {
                internal.setRecordContext(current);
            }
            changed.clear();
        }

        @Override
        public void clearCache() {
            leads.clear();
            changed.clear();
        }
    }

    static final class Objects extends Folding {
        private ObjectStore store;
        private Bytes key;

        @Override
        public void init(ProcessorContext<byte[], byte[]> context) {
            super.init(context);
            store = context.getStateStore("leads");
            store.owner = this;
        }

        @Override
        Lead get(byte[] key) {
            return store.get(this.key = Bytes.wrap(key));
        }

        @Override
        void put(byte[] key, Lead lead) {
            store.changed(this.key, lead, internal.recordContext());
        }
    }

    /** A store builder that puts objects over the persistent store as it comes. */
    record ObjectsBuilder(StoreBuilder<KeyValueStore<Bytes, byte[]>> inner) implements StoreBuilder<ObjectStore> {
        @Override
        public StoreBuilder<ObjectStore> withCachingEnabled() {
            return this;
        }

        @Override
        public StoreBuilder<ObjectStore> withCachingDisabled() {
            return this;
        }

        @Override
        public StoreBuilder<ObjectStore> withLoggingEnabled(Map<String, String> config) {
            return this;
        }

        @Override
        public StoreBuilder<ObjectStore> withLoggingDisabled() {
            return this;
        }

        @Override
        public ObjectStore build() {
            return new ObjectStore(inner.build());
        }

        @Override
        public Map<String, String> logConfig() {
            return inner.logConfig();
        }

        @Override
        public boolean loggingEnabled() {
            return true;
        }

        @Override
        public String name() {
            return inner.name();
        }
    }

    /** Tells the watch of each transaction that is committed. */
    static final class Clients extends DefaultKafkaClientSupplier {
        @Override
        public Producer<byte[], byte[]> getProducer(Map<String, Object> config) {
            return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer()) {
                @Override
                public void commitTransaction() {
                    super.commitTransaction();
                    watch.committed();
                }
            };
        }
    }

    /** The broker that the environment names, as it names it to every program of the house. */
    private static void askedFor(Properties config) {
        Map<String, String> told = System.getenv();
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told.get("ASCUA_KAFKA_BOOTSTRAP"));
        config.put("security.protocol", told.getOrDefault("ASCUA_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"));
        if (told.getOrDefault("ASCUA_KAFKA_USER", "").isEmpty())
            return;
        config.put("sasl.mechanism", told.get("ASCUA_KAFKA_SASL_MECHANISM"));
        config.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required username=\""
            + told.get("ASCUA_KAFKA_USER") + "\" password=\"" + told.get("ASCUA_KAFKA_PASSWORD") + "\";");
    }

    public static void main(String[] args) throws Exception {
        String prefix = args[0];
        watch = new Watch(Long.parseLong(args[1]));
        boolean isStock = args[2].equals("stock");
        Path home = Path.of(args[3]);
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + ".streams-" + args[2]);
        askedFor(config);
        config.put(StreamsConfig.STATE_DIR_CONFIG, home.toString());
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 500);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L << 20);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, -1L); // two topics, in no order between them
        config.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 << 10);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L << 20);

        Topology topology = new Topology();
        topology.addSource("facts", Serdes.ByteArray().deserializer(), Serdes.ByteArray().deserializer(),
            prefix + ".signals", prefix + ".followup");
        topology.addProcessor("fold", () -> isStock ? new Stock() : new Objects(), "facts");
        var rocks = Stores.persistentKeyValueStore("leads");
        if (isStock)
            topology.addStateStore(
                Stores.keyValueStoreBuilder(rocks, Serdes.ByteArray(), new LeadSerde())
                    .withCachingEnabled().withLoggingEnabled(Map.of()), "fold");
        else
            topology.addStateStore(
                new ObjectsBuilder(Stores.keyValueStoreBuilder(rocks, Serdes.Bytes(), Serdes.ByteArray())
                    .withCachingDisabled().withLoggingEnabled(Map.of())), "fold");
        topology.addSink("heat", prefix + ".heat", new ByteArraySerializer(), new ByteArraySerializer(), "fold");
        topology.addSink("scoring", prefix + ".scoring", new ByteArraySerializer(), new ByteArraySerializer(), "fold");

        KafkaStreams streams = new KafkaStreams(topology, config, new Clients());
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        streams.start();
        System.in.read(); // until the other side closes
        streams.close(Duration.ofSeconds(5));
        Runtime.getRuntime().halt(0);
    }
}
