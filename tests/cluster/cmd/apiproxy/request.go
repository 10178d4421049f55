// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"strings"
)

// What a request asks for.
const (
	get       = "GET"
	list      = "LIST"
	watch     = "WATCH"
	watchList = "WATCHLIST" // a streaming list: sendInitialEvents
	other     = "OTHER"
)

type target struct {
	verb, resource string // resource: services, endpointslices ...; empty for what is no resource
	metadata       bool   // PartialObjectMetadata is asked for
}

// classify knows /api/v1/... and /apis/GROUP/VERSION/..., namespaced or not.
func classify(r *http.Request) target {
	t := target{verb: other, metadata: strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		return t
	}
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	t.resource = parts[0]
	if r.Method != http.MethodGet {
		return t
	}
	query := r.URL.Query()
	switch {
	case len(parts) > 1:
		t.verb = get
	case isTrue(query.Get("watch")) && isTrue(query.Get("sendInitialEvents")):
		t.verb = watchList
	case isTrue(query.Get("watch")):
		t.verb = watch
	default:
		t.verb = list
	}
	return t
}

func isTrue(text string) bool { return text == "true" || text == "1" }

func (t target) streams() bool { return t.verb == watch || t.verb == watchList }
func (t target) lists() bool   { return t.verb == list || t.verb == watchList }
