// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"time"
)

// writer counts what the agent is sent, and cuts or slows it.
type writer struct {
	plain   http.ResponseWriter
	control *http.ResponseController
	entry   *entry
	flushes bool // after each write: streams
	// limit is one more than the bytes after which the connection is reset; 0: none.
	limit int
	// perSecond bytes are sent until hurry is closed; 0: all at once.
	perSecond int
	hurry     <-chan struct{}
}

func (w *writer) Header() http.Header { return w.plain.Header() }

func (w *writer) WriteHeader(code int) {
	w.entry.answered(code)
	w.plain.WriteHeader(code)
}

func (w *writer) startJSON() {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
}

func (w *writer) flush() { w.control.Flush() }

func (w *writer) Write(data []byte) (int, error) {
	if w.limit > 0 && w.entry.sent()+len(data) >= w.limit {
		w.send(data[:w.limit-1-w.entry.sent()])
		w.flush()
		panic(http.ErrAbortHandler)
	}
	if w.perSecond > 0 {
		return w.drip(data)
	}
	return w.send(data)
}

func (w *writer) send(data []byte) (int, error) {
	count, err := w.plain.Write(data)
	w.entry.add(count)
	if w.flushes {
		w.flush()
	}
	return count, err
}

func (w *writer) drip(data []byte) (int, error) {
	pause := time.NewTicker(time.Second / time.Duration(w.perSecond))
	defer pause.Stop()
	for at := range data {
		if _, err := w.send(data[at : at+1]); err != nil {
			return at, err
		}
		if err := w.control.Flush(); err != nil {
			return at, err
		}
		select {
		case <-pause.C:
		case <-w.hurry:
			w.perSecond = 0
			count, err := w.send(data[at+1:])
			return at + 1 + count, err
		}
	}
	return len(data), nil
}
