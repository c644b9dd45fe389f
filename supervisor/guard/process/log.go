// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"io"
	"sync"
)

// linesMax is how many lines of log wait for a writer that is slow. Those that find no room are dropped and counted.
const linesMax = 256

// Log is a writer that never makes the guard wait: whoever reads its log may have stopped, the terminal or the supervisor
// itself. It must be closed, which waits for no stuck reader.
type Log struct {
	lines chan []byte
	stop  chan struct{}
	done  chan struct{}

	mu      sync.Mutex
	dropped int
}

// NewLog returns a log that writes to w.
func NewLog(w io.Writer) *Log {
	l := &Log{lines: make(chan []byte, linesMax), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run(w)
	return l
}

// Write takes a line. It never fails and never waits.
func (l *Log) Write(p []byte) (int, error) {
	select {
	case l.lines <- append([]byte(nil), p...):
	default:
		l.mu.Lock()
		l.dropped++
		l.mu.Unlock()
	}
	return len(p), nil
}

// Close lets the lines that wait be written, and gives up on a reader that does not read within a second.
func (l *Log) Close() error {
	close(l.stop)
	return waitFor(l.done, "the reader of the log does not read")
}

func (l *Log) run(w io.Writer) {
	defer close(l.done)
	for {
		select {
		case line := <-l.lines:
			l.write(w, line)
		case <-l.stop:
			for {
				select {
				case line := <-l.lines:
					l.write(w, line)
				default:
					return
				}
			}
		}
	}
}

// write writes a line. There is nobody to tell that it failed.
func (l *Log) write(w io.Writer, line []byte) {
	l.mu.Lock()
	dropped := l.dropped
	l.dropped = 0
	l.mu.Unlock()
	if dropped > 0 {
		_, _ = fmt.Fprintf(w, `{"level":"warn","message":"%d lines of the log were dropped: nobody read it"}`+"\n", dropped)
	}
	_, _ = w.Write(line)
}
