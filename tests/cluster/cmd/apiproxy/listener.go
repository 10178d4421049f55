// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// gate is the listener towards the agent, of which the modes of whole connections are made.
type gate struct {
	board    *switchboard
	address  string
	mutex    sync.Mutex
	inner    *net.TCPListener // nil while nobody listens
	fillers  []net.Conn       // what fills the backlog in blackhole-syn
	open     map[*gateConn]struct{}
	wake     chan struct{}
	accepted atomic.Int64
}

func newGate(board *switchboard, address string) (*gate, error) {
	inner, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &gate{board: board, address: inner.Addr().String(), inner: inner.(*net.TCPListener),
		open: map[*gateConn]struct{}{}, wake: make(chan struct{})}, nil
}

func (g *gate) Addr() net.Addr {
	address, _ := net.ResolveTCPAddr("tcp", g.address)
	return address
}

func (g *gate) Close() error { return nil } // the listener lives as long as the process

// Accept waits while the present mode takes no connections.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mutex.Lock()
		inner, wake := g.inner, g.wake
		if g.fillers != nil {
			inner = nil
		}
		g.mutex.Unlock()
		if inner == nil {
			<-wake
			continue
		}
		connection, err := inner.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
				continue
			}
			return nil, err
		}
		g.accepted.Add(1)
		wrapped := &gateConn{Conn: connection, gate: g, gone: make(chan struct{})}
		g.mutex.Lock()
		g.open[wrapped] = struct{}{}
		g.mutex.Unlock()
		return wrapped, nil
	}
}

// become follows a change of mode. It is called by one goroutine at a time.
func (g *gate) become(m mode) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.fillers != nil && !m.is("blackhole-syn") {
		for _, filler := range g.fillers {
			filler.Close()
		}
		g.fillers = nil
		if err := g.backlog(4096); err != nil {
			return err
		}
		g.inner.SetDeadline(time.Time{})
	}
	switch {
	case m.is("refuse"):
		if g.inner != nil {
			g.inner.Close()
			g.inner = nil
		}
	case g.inner == nil:
		inner, err := net.Listen("tcp", g.address)
		if err != nil {
			return err
		}
		g.inner = inner.(*net.TCPListener)
	}
	if m.is("blackhole-syn") && g.fillers == nil {
		if err := g.fill(); err != nil {
			return err
		}
	}
	close(g.wake)
	g.wake = make(chan struct{})
	return nil
}

// fill makes the kernel drop SYNs: accepting stops, the backlog is made as small as it can be, and
// connections of our own are made until one is not answered.
func (g *gate) fill() error {
	g.fillers = []net.Conn{}
	g.inner.SetDeadline(time.Unix(1, 0))
	if err := g.backlog(0); err != nil {
		return err
	}
	for len(g.fillers) < 64 {
		filler, err := net.DialTimeout("tcp", g.address, 300*time.Millisecond)
		if err != nil {
			return nil
		}
		g.fillers = append(g.fillers, filler)
	}
	return errors.New("blackhole-syn: the backlog does not fill")
}

// backlog sets the length of the accept queue: listen() on a socket that listens already does that.
func (g *gate) backlog(length int) error {
	raw, err := g.inner.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = syscall.Listen(int(fd), length) }); err != nil {
		return err
	}
	return failure
}

// reset ends every open connection with an RST.
func (g *gate) reset() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for connection := range g.open {
		connection.Conn.(*net.TCPConn).SetLinger(0)
		connection.Conn.Close()
	}
}

func (g *gate) connections() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return len(g.open)
}

// gateConn neither reads nor writes while there is a black hole.
type gateConn struct {
	net.Conn
	gate *gate
	once sync.Once
	gone chan struct{}
}

func (c *gateConn) pass() error {
	for {
		m, changed := c.gate.board.present()
		if !m.is("blackhole", "blackhole-syn") {
			return nil
		}
		select {
		case <-changed:
		case <-c.gone:
			return net.ErrClosed
		}
	}
}

func (c *gateConn) Read(data []byte) (int, error) {
	count, err := c.Conn.Read(data)
	if wait := c.pass(); wait != nil {
		return 0, wait
	}
	return count, err
}

func (c *gateConn) Write(data []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(data)
}

func (c *gateConn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.gate.mutex.Lock()
		delete(c.gate.open, c)
		c.gate.mutex.Unlock()
	})
	return c.Conn.Close()
}
