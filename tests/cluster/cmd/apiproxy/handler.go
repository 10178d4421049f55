// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// proxy answers the agent.
type proxy struct {
	board   *switchboard
	gate    *gate
	streams streams
	memory  *memory
	log     *requestLog
	main    *upstream
	alt     *upstream // nil: mode alt is refused
}

func (p *proxy) upstream(m mode) *upstream {
	if m.is("alt") {
		return p.alt
	}
	return p.main
}

func (p *proxy) ServeHTTP(plain http.ResponseWriter, r *http.Request) {
	t := classify(r)
	w := &writer{plain: plain, control: http.NewResponseController(plain), entry: p.log.begin(r, t)}
	defer w.entry.finish()
	if t.lists() {
		p.memory.note(r)
	}
	for {
		m, changed := p.board.present()
		if !m.concerns(t.resource) {
			m = mode{Name: "pass", generation: m.generation}
		}
		if !m.is("hang") {
			w.entry.underMode(m.Name)
			p.answer(w, r, t, m, changed)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (p *proxy) answer(w *writer, r *http.Request, t target, m mode, changed <-chan struct{}) {
	isRead := t.verb != other
	switch {
	case m.is("status"):
		writeStatus(w, m.number(0, 500), m.number(1, 0))
	case m.is("no-watchlist") && t.verb == watchList:
		writeStatus(w, m.number(0, http.StatusBadRequest), 0)
	case m.is("watch-expired") && t.verb == watch:
		w.startJSON()
		w.Write(errorEvent(http.StatusGone))
	case m.is("garbage", "garbage1") && isRead:
		p.garbage(w, r, t, m)
	case m.lies() && t.lists():
		p.lie(w, r, t, m)
	case m.lies() && t.verb == watch:
		p.watchLie(w, r, t, m)
	default:
		if m.is("cut") && t.verb != get && isRead {
			w.limit = m.number(0, 0) + 1
		}
		if m.is("drip") {
			w.perSecond, w.hurry = max(m.number(0, 1), 1), changed
		}
		p.forward(w, r, t, m)
	}
}

// forward lets the upstream answer.
func (p *proxy) forward(w *writer, r *http.Request, t target, m mode) {
	accept := r.Header.Get("Accept")
	if (t.lists() || t.streams()) && !t.metadata {
		accept = "application/json" // clients go by what comes, so one who likes protobuf takes it
	}
	request, err := p.upstream(m).request(r, accept)
	if err != nil {
		writeStatus(w, http.StatusInternalServerError, 0)
		return
	}
	// Registered before the upstream is asked: a mode that begins meanwhile ends this stream too.
	var one *stream
	if t.streams() {
		one = p.streams.add(t, m)
		defer p.streams.remove(one)
	}
	response, err := p.upstream(m).client.Do(request)
	if err != nil {
		panic(http.ErrAbortHandler) // as if the server itself were away
	}
	defer response.Body.Close()
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length", "Retry-After", "Audit-Id", "Warning"} {
		if value := response.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(response.StatusCode)
	if one != nil && response.StatusCode == http.StatusOK {
		w.flush()
		w.flushes = true
		p.copyStream(r.Context(), w, response.Body, one)
		return
	}
	if _, err := io.Copy(w, response.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// truth is the whole list that the agent asks for, as the upstream has it or as it was remembered.
func (p *proxy) truth(r *http.Request, t target, m mode) (objectList, error) {
	if m.is("stale") {
		return p.memory.get(r, t)
	}
	accept := "application/json"
	if t.metadata {
		accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
	}
	return p.main.list(questionOf(r), accept)
}

// lie answers a list or streaming list with something that looks like one.
func (p *proxy) lie(w *writer, r *http.Request, t target, m mode) {
	l, err := p.truth(r, t, m)
	if err == nil {
		l, err = alter(m, l)
	}
	if err != nil {
		w.entry.fail(err)
		writeStatus(w, http.StatusInternalServerError, 0)
		return
	}
	p.board.noteListed(t.resource)
	delete(l.Metadata, "continue")
	delete(l.Metadata, "remainingItemCount")
	w.startJSON()
	if t.verb == list {
		json.NewEncoder(w).Encode(l)
		return
	}
	events, err := eventsOf(l)
	if err != nil {
		w.entry.fail(err)
		panic(http.ErrAbortHandler)
	}
	for _, event := range events {
		w.Write(event)
	}
	p.hold(r.Context(), w, t, m)
}

// watchLie: whoever listed within the lie watches in silence; whoever comes with what was true before it
// is sent to list again.
func (p *proxy) watchLie(w *writer, r *http.Request, t target, m mode) {
	w.startJSON()
	if !p.board.wasListed(t.resource) {
		w.Write(errorEvent(http.StatusGone))
		return
	}
	p.hold(r.Context(), w, t, m)
}

// hold keeps a stream open, silent, until a mode ends it.
func (p *proxy) hold(ctx context.Context, w *writer, t target, m mode) {
	one := p.streams.add(t, m)
	defer p.streams.remove(one)
	w.flush()
	// The mode may have ended before the stream was there to be told.
	if now, _ := p.board.present(); now.generation != m.generation {
		endStream(w, m.Restore)
		return
	}
	select {
	case how := <-one.end:
		endStream(w, how)
	case <-ctx.Done():
	}
}

// garbage: proper HTTP, broken JSON.
func (p *proxy) garbage(w *writer, r *http.Request, t target, m mode) {
	if t.verb == get {
		w.startJSON()
		io.WriteString(w, `{"kind":"`)
		return
	}
	l, err := p.truth(r, t, m)
	if err != nil {
		w.entry.fail(err)
		writeStatus(w, http.StatusInternalServerError, 0)
		return
	}
	w.startJSON()
	if t.verb == list {
		body, _ := json.Marshal(l)
		w.Write(body[:len(body)*2/3])
		return
	}
	if m.is("garbage1") {
		if events, err := eventsOf(l); err == nil && len(events) > 1 {
			w.Write(events[0])
		}
	}
	endStream(w, halfway)
}
