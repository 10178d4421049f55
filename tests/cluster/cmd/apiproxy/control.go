// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// control is the test's side: plain HTTP on loopback.
//
//	GET  /mode       the mode in force
//	PUT  /mode?mode=NAME[:ARGUMENT...][&resources=a,b][&onset=HOW][&restore=HOW]
//	GET  /modes      what there is
//	GET  /log[?since=ID]   DELETE /log
//	GET  /stats      connections and streams
//	POST /remember   keeps today's lists for mode stale
type control struct {
	proxy *proxy
	mutex sync.Mutex
	now   mode
	stop  chan struct{} // ends the flapping
	ended sync.WaitGroup
}

func (c *control) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mode", func(w http.ResponseWriter, _ *http.Request) {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		reply(w, c.now)
	})
	mux.HandleFunc("PUT /mode", c.put)
	mux.HandleFunc("GET /modes", func(w http.ResponseWriter, _ *http.Request) {
		help := map[string]string{}
		for name, row := range kinds {
			help[name] = row.help
		}
		reply(w, help)
	})
	mux.HandleFunc("GET /log", func(w http.ResponseWriter, r *http.Request) {
		since, _ := strconv.Atoi(r.URL.Query().Get("since"))
		reply(w, c.proxy.log.since(since))
	})
	mux.HandleFunc("DELETE /log", func(w http.ResponseWriter, _ *http.Request) {
		c.proxy.log.clear()
		reply(w, map[string]string{})
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, map[string]int64{"accepted": c.proxy.gate.accepted.Load(),
			"connections": int64(c.proxy.gate.connections()), "streams": int64(c.proxy.streams.count())})
	})
	mux.HandleFunc("POST /remember", func(w http.ResponseWriter, _ *http.Request) {
		count, err := c.proxy.memory.remember(c.proxy.main)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		reply(w, map[string]int{"lists": count})
	})
	return mux
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

func (c *control) put(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	var resources []string
	if text := query.Get("resources"); text != "" {
		resources = strings.Split(text, ",")
	}
	m, err := parseMode(query.Get("mode"), resources, query.Get("onset"), query.Get("restore"))
	if err == nil {
		err = c.change(m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply(w, m)
}

func (c *control) change(m mode) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.possible(m); err != nil {
		return err
	}
	if c.stop != nil {
		close(c.stop)
		c.ended.Wait()
		c.stop = nil
	}
	c.now = m
	if !m.is("flap") {
		return c.proxy.become(m)
	}
	c.stop = make(chan struct{})
	c.ended.Add(1)
	go c.flap(m, c.stop)
	return nil
}

func (c *control) possible(m mode) error {
	if m.is("flap") {
		m, _ = m.flapped()
	}
	if m.is("alt") && c.proxy.alt == nil {
		return errors.New("alt: the proxy was started without -alt")
	}
	if m.is("stale") && c.proxy.memory.empty() {
		return errors.New("stale: nothing is remembered yet: POST /remember first")
	}
	return nil
}

// flap takes turns until stop is closed. A turn that fails is written to the proxy's log, and the next one tried.
func (c *control) flap(m mode, stop <-chan struct{}) {
	defer c.ended.Done()
	hz, _ := strconv.ParseFloat(m.Arguments[0], 64)
	turn := time.NewTicker(time.Duration(float64(time.Second) / hz / 2))
	defer turn.Stop()
	fault, _ := m.flapped()
	pass, _ := parseMode("pass", nil, "", "")
	turns := []mode{fault, pass}
	for count := 0; ; count++ {
		if err := c.proxy.become(turns[count%2]); err != nil {
			fmt.Println("apiproxy: flap:", err)
		}
		select {
		case <-turn.C:
		case <-stop:
			return
		}
	}
}

// become puts a mode in force. New requests see it first, then old streams are ended.
func (p *proxy) become(m mode) error {
	before := p.board.set(m)
	now, _ := p.board.present()
	if err := p.gate.become(m); err != nil {
		return err
	}
	p.streams.endAll(now.generation, before, before.Restore)
	p.streams.endAll(now.generation, m, m.Onset)
	if m.Onset == cutOff || before.Restore == cutOff {
		p.gate.reset()
	}
	return nil
}
