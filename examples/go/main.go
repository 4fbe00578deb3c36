// Asks a PinnerSage server for recommendations, and shows each under the saved pin that it was found near.
//
//	recommend HOST:PORT USER [MAX_CANDIDATES]
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "pinnersage.example/recommend/pinnersagev1"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: recommend HOST:PORT USER [MAX_CANDIDATES]")
		os.Exit(2)
	}
	if err := recommend(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		for _, line := range mistakes(err) {
			fmt.Fprintln(os.Stderr, "  "+line)
		}
		os.Exit(1)
	}
}

func recommend(target, user string, limit []string) error {
	// Make one connection and keep it: connecting is what costs.
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()

	request := &pb.RecommendRequest{UserId: user}
	if len(limit) > 0 {
		n, err := strconv.ParseUint(limit[0], 10, 32)
		if err != nil {
			return err
		}
		request.MaxCandidates = proto.Uint32(uint32(n))
	}

	// The server gives up when nobody waits any more, and its logs call the call by this name.
	// So long only because a program's first call connects.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "x-request-id", "example-go")

	answer, err := pb.NewRecommenderClient(connection).Recommend(ctx, request)
	if err != nil {
		return err
	}
	show(answer)
	return nil
}

func show(answer *pb.RecommendResponse) {
	fmt.Printf("%d candidates, artefact %s, request %s\n",
		len(answer.Candidates), answer.ArtefactVersion, answer.RequestId)
	for _, interest := range answer.Interests {
		fmt.Printf("because you saved %s (%.0f %%)\n", interest.MedoidPinId, 100*interest.Probability)
		for _, candidate := range answer.Candidates {
			if candidate.MedoidPinId == interest.MedoidPinId {
				fmt.Printf("  %.3f  %s\n", candidate.GetScore(), candidate.PinId)
			}
		}
	}
}

// mistakes are the fields that the server did not take, from google.rpc.BadRequest.
func mistakes(err error) []string {
	var lines []string
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range bad.FieldViolations {
				lines = append(lines, violation.Field+": "+violation.Description)
			}
		}
	}
	return lines
}
