// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// How streams that are open when a mode begins or ends are treated.
const (
	keep    = "keep"    // they go on
	closed  = "close"   // a clean end, as a server that goes away politely
	expired = "expired" // an ERROR event with code 410, then a clean end
	cutOff  = "cut"     // the connection is reset
	halfway = "halfway" // a truncated event, then a clean end
)

// mode is what the proxy does at present. It is a value: a change makes a new one.
type mode struct {
	Name      string   `json:"name"`
	Arguments []string `json:"arguments,omitempty"`
	Resources []string `json:"resources,omitempty"` // none: all of them
	Onset     string   `json:"onset"`
	Restore   string   `json:"restore"`
	// Grows with each change; tells streams of an earlier mode from those of this one.
	generation int
}

// kind is one row of the table of modes: how many arguments it takes, and what befalls open streams
// when it begins and when it ends, unless the test says otherwise.
type kind struct {
	least, most    int
	onset, restore string
	help           string
}

var kinds = map[string]kind{
	"pass":          {0, 0, keep, keep, "everything goes through"},
	"refuse":        {0, 0, cutOff, keep, "nobody listens: ECONNREFUSED, open connections are reset"},
	"blackhole":     {0, 0, keep, keep, "connections are made and then silent, open ones too"},
	"blackhole-syn": {0, 0, keep, keep, "not even a handshake: the listener's backlog is full; open connections are silent"},
	"hang":          {0, 0, keep, keep, "TLS is alive, requests get no answer, streams are silent; answered when the mode ends"},
	"drip":          {0, 1, keep, keep, "[BYTES] of a body a second, 1 where not given"},
	"status":        {1, 2, closed, keep, "CODE[:RETRY_AFTER] for every request; 504 is that of a resourceVersion from the future"},
	"empty":         {0, 0, expired, expired, "lists without items"},
	"partial":       {0, 1, expired, expired, "[PERCENT] of the items of a list, 50 where not given, always the same ones"},
	"stale":         {0, 0, expired, expired, "lists as they were when /remember was called, their resourceVersion too"},
	"notready":      {0, 0, expired, expired, "every endpoint ready: false, serving: false"},
	"garbage":       {0, 0, halfway, keep, "truncated JSON in a proper HTTP answer"},
	"garbage1":      {0, 0, halfway, keep, "streams: one good event, then a truncated one; lists: truncated"},
	"cut":           {1, 1, keep, keep, "N bytes of each list or stream, then the connection is reset"},
	"watch-expired": {0, 0, expired, keep, "watches end with 410 inside the stream; lists and streaming lists pass"},
	"no-watchlist":  {0, 1, keep, keep, "[CODE], 400 where not given, for sendInitialEvents"},
	"drop":          {1, 1, keep, keep, "PERCENT of watch events are lost, DELETED too, bookmarks not"},
	"silent":        {0, 0, keep, keep, "watches lose every event and bookmark, lists pass"},
	"alt":           {0, 0, cutOff, cutOff, "the other API server answers (-alt)"},
	"flap":          {1, -1, cutOff, cutOff, "HZ[:MODE]: the mode (refuse where not given) and pass take turns"},
}

// parseMode reads NAME[:ARGUMENT...].
func parseMode(text string, resources []string, onset, restore string) (mode, error) {
	words := strings.Split(text, ":")
	row, ok := kinds[words[0]]
	if !ok {
		return mode{}, fmt.Errorf("no mode %q", words[0])
	}
	m := mode{Name: words[0], Arguments: words[1:], Resources: resources, Onset: row.onset, Restore: row.restore}
	if len(m.Arguments) < row.least || (row.most >= 0 && len(m.Arguments) > row.most) {
		return mode{}, fmt.Errorf("mode %s: %s", m.Name, row.help)
	}
	for _, end := range []struct {
		to   *string
		text string
	}{{&m.Onset, onset}, {&m.Restore, restore}} {
		if end.text == "" {
			continue
		}
		if !slices.Contains([]string{keep, closed, expired, cutOff, halfway}, end.text) {
			return mode{}, fmt.Errorf("streams cannot %q: keep, close, expired, cut or halfway", end.text)
		}
		*end.to = end.text
	}
	if m.lies() && m.Restore == keep {
		return mode{}, fmt.Errorf("%s: its streams lead nowhere when it ends: close, expired or cut", m.Name)
	}
	return m, m.checkNumbers()
}

func (m mode) checkNumbers() error {
	if m.Name == "flap" {
		if hz, err := strconv.ParseFloat(m.Arguments[0], 64); err != nil || hz <= 0 || hz > 100 {
			return fmt.Errorf("flap:%s: a frequency in Hz, at most 100, was expected", m.Arguments[0])
		}
		_, err := m.flapped()
		return err
	}
	for _, argument := range m.Arguments {
		if number, err := strconv.Atoi(argument); err != nil || number < 0 {
			return fmt.Errorf("%s:%s: a number was expected", m.Name, argument)
		}
	}
	return nil
}

// flapped is the mode that flap takes turns with.
func (m mode) flapped() (mode, error) {
	if len(m.Arguments) == 1 {
		return parseMode("refuse", nil, "", "")
	}
	if m.Arguments[1] == "flap" {
		return mode{}, fmt.Errorf("flap cannot flap")
	}
	return parseMode(strings.Join(m.Arguments[1:], ":"), m.Resources, "", "")
}

// number is argument `at`, checked when the mode was parsed.
func (m mode) number(at, otherwise int) int {
	if at >= len(m.Arguments) {
		return otherwise
	}
	number, _ := strconv.Atoi(m.Arguments[at])
	return number
}

func (m mode) is(names ...string) bool { return slices.Contains(names, m.Name) }

// concerns says whether this mode is about the resource; connections are of no resource, and so
// modes of whole connections concern all.
func (m mode) concerns(resource string) bool {
	return len(m.Resources) == 0 || slices.Contains(m.Resources, resource)
}

func (m mode) lies() bool { return m.is("empty", "partial", "stale", "notready") }

// switchboard holds the present mode and wakes whoever waits for another.
type switchboard struct {
	mutex   sync.Mutex
	now     mode
	changed chan struct{}
	// Resources that were listed since the mode began: who lists in a lie then watches from the lie.
	listed map[string]bool
}

func newSwitchboard() *switchboard {
	pass, _ := parseMode("pass", nil, "", "")
	return &switchboard{now: pass, changed: make(chan struct{}), listed: map[string]bool{}}
}

// present returns the mode and a channel that is closed when it ends.
func (s *switchboard) present() (mode, <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.now, s.changed
}

// set returns the mode that was.
func (s *switchboard) set(next mode) mode {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	before := s.now
	next.generation = before.generation + 1
	s.now, s.listed = next, map[string]bool{}
	close(s.changed)
	s.changed = make(chan struct{})
	return before
}

func (s *switchboard) noteListed(resource string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.listed[resource] = true
}

func (s *switchboard) wasListed(resource string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.listed[resource]
}
