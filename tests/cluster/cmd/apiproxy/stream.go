// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
)

// streams are the watches that are open, so that a change of mode can end them.
type streams struct {
	mutex sync.Mutex
	open  map[*stream]struct{}
}

type stream struct {
	target     target
	generation int         // of the mode under which it was opened
	end        chan string // how it shall end: closed, expired, cutOff or halfway
}

func (s *streams) add(t target, m mode) *stream {
	one := &stream{target: t, generation: m.generation, end: make(chan string, 1)}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open[one] = struct{}{}
	return one
}

func (s *streams) remove(one *stream) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.open, one)
}

func (s *streams) count() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.open)
}

// endAll ends those opened before a generation that the mode concerns; one that is ending already ends
// as it was told first.
func (s *streams) endAll(before int, m mode, how string) {
	if how == keep {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for one := range s.open {
		if one.generation < before && m.concerns(one.target.resource) {
			select {
			case one.end <- how:
			default:
			}
		}
	}
}

// endStream writes the end that was asked for.
func endStream(w io.Writer, how string) {
	switch how {
	case expired:
		w.Write(errorEvent(http.StatusGone))
	case halfway:
		w.Write([]byte(`{"type":"ADDED","object":{"kind":"Service","metadata":{"name":"tru`))
	case cutOff:
		panic(http.ErrAbortHandler)
	}
}

type line struct {
	data []byte
	err  error
}

// lines reads a watch: one JSON event a line.
func lines(ctx context.Context, body io.Reader) <-chan line {
	out := make(chan line)
	go func() {
		defer close(out)
		reader := bufio.NewReaderSize(body, 64<<10)
		for {
			data, err := reader.ReadBytes('\n')
			select {
			case out <- line{data, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// copyStream hands on a watch event by event, as the mode of the moment has it.
func (p *proxy) copyStream(ctx context.Context, w io.Writer, body io.Reader, one *stream) {
	events := lines(ctx, body)
	initial := one.target.verb == watchList
	for {
		select {
		case <-ctx.Done():
			return
		case how := <-one.end:
			endStream(w, how)
			return
		case event, ok := <-events:
			if !ok {
				return
			}
			if len(event.data) > 0 && !p.lost(event.data, one.target, initial) {
				if how := p.waitWhileHung(ctx, one); how != "" {
					endStream(w, how)
					return
				}
				if _, err := w.Write(event.data); err != nil {
					return
				}
			}
			if initial && bytes.Contains(event.data, []byte(`"k8s.io/initial-events-end"`)) {
				initial = false
			}
			if event.err == io.EOF {
				return
			}
			if event.err != nil {
				panic(http.ErrAbortHandler) // the server's own connection broke: so does the agent's
			}
		}
	}
}

// lost says whether the mode of the moment swallows an event. What belongs to a streaming list arrives.
func (p *proxy) lost(event []byte, t target, initial bool) bool {
	m, _ := p.board.present()
	if initial || !m.concerns(t.resource) {
		return false
	}
	switch m.Name {
	case "silent":
		return true
	case "drop":
		return !bytes.HasPrefix(event, []byte(`{"type":"BOOKMARK"`)) && rand.IntN(100) < m.number(0, 0)
	}
	return false
}

// waitWhileHung returns how the stream shall end, if that is asked for meanwhile.
func (p *proxy) waitWhileHung(ctx context.Context, one *stream) string {
	for {
		m, changed := p.board.present()
		if !m.is("hang") || !m.concerns(one.target.resource) {
			return ""
		}
		select {
		case <-changed:
		case how := <-one.end:
			return how
		case <-ctx.Done():
			return closed
		}
	}
}
