// A listener for consent-relay's notifications. Needs Go 1.20 or newer and nothing else.
//
//	WEBHOOK_SECRET=whsec_... PORT=9000 go run verify.go
//
// WEBHOOK_SECRET may also be a public key, whpk_...: then signatures by ed25519 are verified.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	tolerance = 5 * time.Minute
	largest   = 1 << 20
)

var secretForm = regexp.MustCompile(`^wh(sec|pk)_[A-Za-z0-9+/]{22,88}={0,2}$`)

// verify takes the body as it came over the wire: never JSON that was parsed and written again.
func verify(secret string, headers http.Header, body []byte, now time.Time) error {
	id, sent := headers.Get("webhook-id"), headers.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if id == "" || err != nil {
		return errors.New("headers are missing")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return errors.New("too old, or our clock is wrong")
	}
	isRight, err := checker(secret, append([]byte(id+"."+sent+"."), body...))
	if err != nil {
		return err
	}
	// There are several while a secret is being changed: one of them has to be right.
	for _, each := range strings.Split(headers.Get("webhook-signature"), " ") {
		version, encoded, _ := strings.Cut(each, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if err == nil && isRight(version, signature) {
			return nil
		}
	}
	return errors.New("no signature is right")
}

// checker: the kind of our key decides which signatures count, not what the header calls them.
func checker(secret string, signed []byte) (func(version string, signature []byte) bool, error) {
	encoded, isPublic := strings.CutPrefix(secret, "whpk_")
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(encoded, "whsec_"))
	if err != nil || (isPublic && len(key) != ed25519.PublicKeySize) {
		return nil, errors.New("our own secret is not base64")
	}
	if isPublic {
		return func(version string, signature []byte) bool {
			return version == "v1a" && ed25519.Verify(key, signed, signature)
		}, nil
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	expected := mac.Sum(nil)
	return func(version string, signature []byte) bool {
		return version == "v1" && hmac.Equal(signature, expected)
	}, nil
}

func listen(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, largest))
	if err == nil {
		err = verify(os.Getenv("WEBHOOK_SECRET"), request.Header, body, time.Now())
	}
	if err != nil {
		log.Printf("refused: %v", err)
		response.WriteHeader(http.StatusUnauthorized)
		return
	}
	// The same webhook-id may come again. Keep it in the same transaction as what you do here, and skip one that you
	// have. Answer 2xx only when that is on disk.
	var event struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		response.WriteHeader(http.StatusBadRequest)
		return
	}
	log.Print(request.Header.Get("webhook-id"), " ", event.Type)
	response.WriteHeader(http.StatusNoContent)
}

func main() {
	if !secretForm.MatchString(os.Getenv("WEBHOOK_SECRET")) { // an empty key is one that anybody can sign with
		log.Fatal("WEBHOOK_SECRET: expected the secret of your endpoint, whsec_..., or its public key, whpk_...")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "9000"
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(listen)))
}
