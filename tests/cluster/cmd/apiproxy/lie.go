// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"hash/fnv"
	"strings"
)

// objectList is a list as the API server answers it. Items stay as they came.
type objectList struct {
	Kind       string            `json:"kind"`
	APIVersion string            `json:"apiVersion"`
	Metadata   map[string]any    `json:"metadata"`
	Items      []json.RawMessage `json:"items"`
}

type header struct {
	Metadata struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"metadata"`
}

// alter makes a true list into the mode's lie.
func alter(m mode, truth objectList) (objectList, error) {
	lie := truth
	lie.Items = []json.RawMessage{}
	switch m.Name {
	case "empty":
	case "partial":
		for _, item := range truth.Items {
			var h header
			if err := json.Unmarshal(item, &h); err != nil {
				return lie, err
			}
			if share(h.Metadata.Namespace+"/"+h.Metadata.Name) < m.number(0, 50) {
				lie.Items = append(lie.Items, item)
			}
		}
	case "notready":
		for _, item := range truth.Items {
			changed, err := notReady(item)
			if err != nil {
				return lie, err
			}
			lie.Items = append(lie.Items, changed)
		}
	default:
		lie.Items = append(lie.Items, truth.Items...)
	}
	return lie, nil
}

// share spreads names evenly over 0 to 99, each name always at the same place.
func share(name string) int {
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return int(sum.Sum32()>>8) % 100
}

// notReady leaves alone what has no endpoints.
func notReady(item json.RawMessage) (json.RawMessage, error) {
	var object map[string]any
	if err := json.Unmarshal(item, &object); err != nil {
		return nil, err
	}
	endpoints, _ := object["endpoints"].([]any)
	for _, one := range endpoints {
		if endpoint, ok := one.(map[string]any); ok {
			endpoint["conditions"] = map[string]any{"ready": false, "serving": false, "terminating": false}
		}
	}
	return json.Marshal(object)
}

// eventsOf is the list as a streaming list: ADDED events, which carry kind and apiVersion as items of a
// list do not, and the bookmark that says that this was all.
func eventsOf(l objectList) ([][]byte, error) {
	var events [][]byte
	itemKind := strings.TrimSuffix(l.Kind, "List")
	for _, item := range l.Items {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(item, &object); err != nil {
			return nil, err
		}
		object["kind"], _ = json.Marshal(itemKind)
		object["apiVersion"], _ = json.Marshal(l.APIVersion)
		event, err := json.Marshal(map[string]any{"type": "ADDED", "object": object})
		if err != nil {
			return nil, err
		}
		events = append(events, append(event, '\n'))
	}
	bookmark, err := json.Marshal(map[string]any{"type": "BOOKMARK", "object": map[string]any{
		"kind": itemKind, "apiVersion": l.APIVersion, "metadata": map[string]any{
			"resourceVersion":   l.Metadata["resourceVersion"],
			"creationTimestamp": nil,
			"annotations":       map[string]string{"k8s.io/initial-events-end": "true"}}}})
	return append(events, append(bookmark, '\n')), err
}

// metadataOf is the list as PartialObjectMetadataList.
func metadataOf(full objectList) (objectList, error) {
	partial := objectList{Kind: "PartialObjectMetadataList", APIVersion: "meta.k8s.io/v1", Metadata: full.Metadata, Items: []json.RawMessage{}}
	for _, item := range full.Items {
		var object struct {
			Metadata json.RawMessage `json:"metadata"`
		}
		if err := json.Unmarshal(item, &object); err != nil {
			return partial, err
		}
		stripped, err := json.Marshal(map[string]any{"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.Metadata})
		if err != nil {
			return partial, err
		}
		partial.Items = append(partial.Items, stripped)
	}
	return partial, nil
}
