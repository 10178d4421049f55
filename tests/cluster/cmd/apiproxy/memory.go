// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// memory keeps, for mode stale, the lists that agents have asked for as they were when /remember was
// called. Until then it only knows which lists these are.
type memory struct {
	mutex sync.Mutex
	asked map[string]question
	lists map[string]objectList
}

// question is a list without what only says how it is to be sent.
type question struct {
	path, query, authorization string
}

func newMemory() *memory {
	return &memory{asked: map[string]question{}, lists: map[string]objectList{}}
}

func questionOf(r *http.Request) question {
	query := url.Values{}
	for _, name := range []string{"labelSelector", "fieldSelector"} {
		if value := r.URL.Query().Get(name); value != "" {
			query.Set(name, value)
		}
	}
	return question{r.URL.Path, query.Encode(), r.Header.Get("Authorization")}
}

func (q question) key() string { return q.path + "?" + q.query }

func (m *memory) note(r *http.Request) {
	q := questionOf(r)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.asked[q.key()] = q
}

// remember asks the upstream all that was asked before, and returns how many lists there are now.
func (m *memory) remember(up *upstream) (int, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	lists := map[string]objectList{}
	for key, q := range m.asked {
		l, err := up.list(q, "application/json")
		if err != nil {
			return 0, err
		}
		lists[key] = l
	}
	if len(lists) == 0 {
		return 0, fmt.Errorf("nothing was listed through the proxy yet")
	}
	m.lists = lists
	return len(lists), nil
}

func (m *memory) get(r *http.Request, t target) (objectList, error) {
	m.mutex.Lock()
	l, ok := m.lists[questionOf(r).key()]
	m.mutex.Unlock()
	if !ok {
		return l, fmt.Errorf("no list %s is remembered", questionOf(r).key())
	}
	if t.metadata {
		return metadataOf(l)
	}
	return l, nil
}

func (m *memory) empty() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.lists) == 0
}

// upstream is an API server; token, where given, replaces the agent's own.
type upstream struct {
	base   *url.URL
	token  string
	client *http.Client
}

// request asks it what the agent asked.
func (u *upstream) request(r *http.Request, accept string) (*http.Request, error) {
	target := *u.base
	target.Path, target.RawPath, target.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String(), r.Body)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"Authorization", "Content-Type", "User-Agent", "Accept-Encoding"} {
		if value := r.Header.Get(name); value != "" {
			out.Header.Set(name, value)
		}
	}
	out.Header.Set("Accept", accept)
	if u.token != "" {
		out.Header.Set("Authorization", "Bearer "+u.token)
	}
	return out, nil
}

// list is the whole list, whatever page the agent asked for: a server may ignore `limit`.
func (u *upstream) list(q question, accept string) (objectList, error) {
	var l objectList
	target := *u.base
	target.Path, target.RawQuery = q.path, q.query
	request, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return l, err
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("Authorization", q.authorization)
	if u.token != "" {
		request.Header.Set("Authorization", "Bearer "+u.token)
	}
	response, err := u.client.Do(request)
	if err != nil {
		return l, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return l, err
	}
	if response.StatusCode != http.StatusOK {
		return l, fmt.Errorf("%s: %s: %.200s", q.key(), response.Status, body)
	}
	return l, json.Unmarshal(body, &l)
}
