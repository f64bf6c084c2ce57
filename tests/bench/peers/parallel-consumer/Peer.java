import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.reactor.ReactorProcessor;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import reactor.core.publisher.Mono;

/**
 * Confluent's parallel consumer, in its form for calls that do not block a thread, with the HTTP client of the JDK. A record
 * is done when the broker has its reply. A failed call is tried again by the library.
 */
public class Peer {
    private static final String REQUESTS = System.getenv("REQUESTS");
    private static final String REPLIES = System.getenv("REPLIES");
    private static final int IN_FLIGHT = Integer.parseInt(System.getenv("IN_FLIGHT"));
    private static final URI PROVIDER = URI.create(System.getenv("SIM") + "/v1/chat/completions");

    private static final HttpClient http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static KafkaProducer<String, String> producer;

    /** The value of "body", which is the last member. */
    private static String body(String record) {
        return record.substring(record.indexOf("\"body\":") + 7, record.length() - 1);
    }

    private static CompletableFuture<HttpResponse<String>> call(String body) {
        HttpRequest request = HttpRequest.newBuilder(PROVIDER)
            .header("content-type", "application/json")
            .header("authorization", "Bearer none")
            .timeout(Duration.ofSeconds(60))
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        return http.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    }

    private static CompletableFuture<RecordMetadata> reply(String key, HttpResponse<String> response) {
        CompletableFuture<RecordMetadata> delivered = new CompletableFuture<>();
        if (response.statusCode() != 200) {
            delivered.completeExceptionally(new IllegalStateException("status " + response.statusCode()));
            return delivered;
        }
        producer.send(new ProducerRecord<>(REPLIES, key, response.body()), (metadata, failure) -> {
            if (failure == null) {
                delivered.complete(metadata);
            } else {
                delivered.completeExceptionally(failure);
            }
        });
        return delivered;
    }

    public static void main(String[] args) throws InterruptedException {
        String broker = System.getenv("BROKER");
        KafkaConsumer<String, String> consumer = new KafkaConsumer<>(
            Map.of("bootstrap.servers", broker, "group.id", "group-" + REQUESTS, "auto.offset.reset", "earliest",
                "enable.auto.commit", "false", "max.poll.records", "5000"),
            new StringDeserializer(), new StringDeserializer());
        producer = new KafkaProducer<>(
            Map.of("bootstrap.servers", broker, "linger.ms", "5"), new StringSerializer(), new StringSerializer());
        ReactorProcessor<String, String> processor = new ReactorProcessor<>(
            ParallelConsumerOptions.<String, String>builder()
                .ordering(ProcessingOrder.UNORDERED)
                .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS)
                .maxConcurrency(IN_FLIGHT)
                .consumer(consumer)
                .build());
        processor.subscribe(List.of(REQUESTS));
        processor.react(context -> {
            String key = context.key();
            return Mono.fromFuture(() -> call(body(context.value())).thenCompose(response -> reply(key, response)));
        });
        Thread.currentThread().join();
    }
}
