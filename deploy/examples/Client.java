import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Prompts in, completions out, from Java (Maven: org.apache.kafka:kafka-clients and
 * com.fasterxml.jackson.core:jackson-databind).
 *
 * <p>Usage: java -cp 'libs/*' Client.java HOST:PORT PROMPT... (a Kafka with a worker; the embedded broker of `sluice dev`
 * is too simple for this client)
 */
public class Client {
    private static final String REQUESTS = "llm.requests";
    private static final String REPLIES = "llm.replies";
    private static final Duration TIMEOUT = Duration.ofSeconds(60);
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        if (args.length < 2) {
            System.err.println("usage: java -cp 'libs/*' Client.java HOST:PORT PROMPT...");
            System.exit(64);
        }
        Map<String, Object> reading = Map.of(
                "bootstrap.servers", args[0],
                "isolation.level", "read_committed",
                "enable.auto.commit", false,
                "fetch.max.wait.ms", 50);
        Map<String, Object> sending = Map.of("bootstrap.servers", args[0], "enable.idempotence", true);

        try (var consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
                var producer = new KafkaProducer<>(sending, new StringSerializer(), new StringSerializer())) {
            // Reading starts at the present end of the reply topic, before anything is sent. No group: every client
            // that waits for its own replies has to see all partitions.
            List<TopicPartition> partitions = consumer.partitionsFor(REPLIES).stream()
                    .map(p -> new TopicPartition(REPLIES, p.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);

            Map<String, String> waiting = send(producer, List.of(args).subList(1, args.length));
            Instant deadline = Instant.now().plus(TIMEOUT);
            while (!waiting.isEmpty()) {
                if (Instant.now().isAfter(deadline)) {
                    System.err.println("no reply to " + waiting.size() + " prompts within " + TIMEOUT);
                    System.exit(1);
                }
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    // A reply may come twice after a crash of the worker: the second one finds its id gone.
                    String prompt = waiting.remove(record.key());
                    if (prompt != null) {
                        System.out.println('"' + prompt + "\": " + words(JSON.readTree(record.value())));
                    }
                }
            }
        }
    }

    private static Map<String, String> send(KafkaProducer<String, String> producer, List<String> prompts)
            throws Exception {
        String run = UUID.randomUUID().toString().substring(0, 8);
        Map<String, String> waiting = new LinkedHashMap<>();
        for (String prompt : prompts) {
            String id = run + "-" + waiting.size();
            waiting.put(id, prompt);
            Object value = Map.of("custom_id", id, "body", Map.of(
                    "model", "fast", "messages", List.of(Map.of("role", "user", "content", prompt))));
            producer.send(new ProducerRecord<>(REQUESTS, id, JSON.writeValueAsString(value))).get();
        }
        return waiting;
    }

    private static String words(JsonNode reply) {
        JsonNode error = reply.get("error");
        if (!error.isNull()) {
            return error.get("code").asText() + ": " + error.get("message").asText();
        }
        JsonNode response = reply.get("response");
        JsonNode body = response.get("body");
        return response.get("status_code").asInt() == 200
                ? body.at("/choices/0/message/content").asText()
                : body.at("/error/message").asText();
    }
}
