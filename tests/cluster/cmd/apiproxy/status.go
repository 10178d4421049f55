// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// The reasons the real API server gives.
var reasons = map[int]string{
	400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 410: "Expired", 422: "Invalid",
	429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}

type cause struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type details struct {
	Causes            []cause `json:"causes,omitempty"`
	RetryAfterSeconds int     `json:"retryAfterSeconds,omitempty"`
}

type status struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   map[string]string `json:"metadata"`
	Status     string            `json:"status"`
	Message    string            `json:"message"`
	Reason     string            `json:"reason,omitempty"`
	Details    *details          `json:"details,omitempty"`
	Code       int               `json:"code"`
}

// statusOf is the body that goes with an HTTP status. 504 is that of a resourceVersion from the future.
func statusOf(code, retryAfter int) status {
	s := status{Kind: "Status", APIVersion: "v1", Metadata: map[string]string{}, Status: "Failure",
		Message: "the fault proxy answers " + strconv.Itoa(code), Reason: reasons[code], Code: code}
	switch code {
	case 410:
		s.Message = "too old resource version: 1 (2)"
	case 504:
		s.Message = "Timeout: Too large resource version: 2, current: 1"
		s.Details = &details{Causes: []cause{{Reason: "ResourceVersionTooLarge", Message: "Too large resource version"}}}
	}
	if retryAfter > 0 {
		if s.Details == nil {
			s.Details = &details{}
		}
		s.Details.RetryAfterSeconds = retryAfter
	}
	return s
}

func writeStatus(w http.ResponseWriter, code, retryAfter int) {
	body, _ := json.Marshal(statusOf(code, retryAfter))
	w.Header().Set("Content-Type", "application/json")
	if retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(code)
	w.Write(append(body, '\n'))
}

// errorEvent is how a stream ends with an error: inside HTTP 200.
func errorEvent(code int) []byte {
	body, _ := json.Marshal(map[string]any{"type": "ERROR", "object": statusOf(code, 0)})
	return append(body, '\n')
}
