// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"sync"
	"time"
)

// most entries that are kept; older ones leave.
const mostEntries = 100000

// entry is one request, as the control API shows it.
type entry struct {
	mutex sync.Mutex
	entryFields
}

type entryFields struct {
	ID       int       `json:"id"`
	Time     time.Time `json:"time"`
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Query    string    `json:"query,omitempty"`
	Verb     string    `json:"verb"`
	Resource string    `json:"resource,omitempty"`
	Metadata bool      `json:"metadata,omitempty"`
	Agent    string    `json:"agent,omitempty"`
	Mode     string    `json:"mode,omitempty"`
	Status   int       `json:"status"` // 0: not answered
	Bytes    int       `json:"bytes"`  // of the body
	Error    string    `json:"error,omitempty"`
	Done     bool      `json:"done"`
}

func (e *entry) change(how func(*entryFields)) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	how(&e.entryFields)
}

func (e *entry) fields() entryFields {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.entryFields
}

func (e *entry) finish()             { e.change(func(f *entryFields) { f.Done = true }) }
func (e *entry) underMode(m string)  { e.change(func(f *entryFields) { f.Mode = m }) }
func (e *entry) answered(status int) { e.change(func(f *entryFields) { f.Status = status }) }
func (e *entry) add(bytes int)       { e.change(func(f *entryFields) { f.Bytes += bytes }) }
func (e *entry) fail(err error)      { e.change(func(f *entryFields) { f.Error = err.Error() }) }
func (e *entry) sent() int           { return e.fields().Bytes }

type requestLog struct {
	mutex   sync.Mutex
	next    int
	entries []*entry
}

func (l *requestLog) begin(r *http.Request, t target) *entry {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.next++
	one := &entry{entryFields: entryFields{ID: l.next, Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Verb: t.verb, Resource: t.resource, Metadata: t.metadata, Agent: r.UserAgent()}}
	l.entries = append(l.entries, one)
	if len(l.entries) > mostEntries {
		l.entries = l.entries[len(l.entries)-mostEntries:]
	}
	return one
}

// since returns the entries after an id.
func (l *requestLog) since(id int) []entryFields {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	found := []entryFields{}
	for _, one := range l.entries {
		if fields := one.fields(); fields.ID > id {
			found = append(found, fields)
		}
	}
	return found
}

func (l *requestLog) clear() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.entries = nil
}
