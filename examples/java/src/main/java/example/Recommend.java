package example;

import com.google.rpc.BadRequest;
import io.grpc.ClientInterceptor;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.MetadataUtils;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import pinnersage.v1.RecommenderGrpc;
import pinnersage.v1.RecommenderOuterClass.RecommendRequest;
import pinnersage.v1.RecommenderOuterClass.RecommendResponse;

/** Asks a PinnerSage server for recommendations, and shows each under the saved pin that it was found near. */
public final class Recommend {
  public static void main(String[] arguments) throws Exception {
    if (arguments.length < 2) {
      System.err.println("usage: recommend HOST:PORT USER [MAX_CANDIDATES]");
      System.exit(2);
    }
    var request = RecommendRequest.newBuilder().setUserId(arguments[1]);
    if (arguments.length > 2) {
      request.setMaxCandidates(Integer.parseInt(arguments[2]));
    }
    // Make one channel and keep it: connecting is what costs.
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()).build();
    try {
      show(
          RecommenderGrpc.newBlockingStub(channel)
              // The server gives up when nobody waits any more, and its logs call the call by this name.
              // So long only because a program's first call connects, and loads most of gRPC.
              .withDeadlineAfter(30, TimeUnit.SECONDS)
              .withInterceptors(named("example-java"))
              .recommend(request.build()));
    } catch (StatusRuntimeException error) {
      System.err.println(error.getMessage());
      showMistakes(error);
      System.exit(1);
    } finally {
      channel.shutdown().awaitTermination(5, TimeUnit.SECONDS);
    }
  }

  private static ClientInterceptor named(String requestId) {
    var metadata = new Metadata();
    metadata.put(Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER), requestId);
    return MetadataUtils.newAttachHeadersInterceptor(metadata);
  }

  private static void show(RecommendResponse answer) {
    System.out.printf(
        "%d candidates, artefact %s, request %s%n",
        answer.getCandidatesCount(), answer.getArtefactVersion(), answer.getRequestId());
    for (var interest : answer.getInterestsList()) {
      var medoid = interest.getMedoidPinId();
      System.out.printf("because you saved %s (%.0f %%)%n", medoid, 100 * interest.getProbability());
      for (var candidate : answer.getCandidatesList()) {
        if (candidate.getMedoidPinId().equals(medoid)) {
          System.out.printf(Locale.ROOT, "  %.3f  %s%n", candidate.getScore(), candidate.getPinId());
        }
      }
    }
  }

  /** The fields that the server did not take, from google.rpc.BadRequest. */
  private static void showMistakes(StatusRuntimeException error) throws Exception {
    var status = StatusProto.fromThrowable(error);
    for (var detail : status.getDetailsList()) {
      if (detail.is(BadRequest.class)) {
        for (var violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          System.err.println("  " + violation.getField() + ": " + violation.getDescription());
        }
      }
    }
  }
}
