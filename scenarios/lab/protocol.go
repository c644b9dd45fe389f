// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxMessage bounds one message between a lab and a node's PID 1, in bytes.
const maxMessage = 64 << 10

// spec tells PID 1 what to make of itself; it is its argument, as JSON.
type spec struct {
	Hostname string `json:"hostname"`
	// Isolated says that PID 1 is in namespaces of its own and has to mount.
	Isolated bool `json:"isolated"`
}

// request asks PID 1 to start a process. Its standard output and error come as a descriptor with the message. Without a
// path it asks for nothing but an answer, which comes when PID 1 is ready.
type request struct {
	Path string   `json:"path,omitempty"`
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"`
	Dir  string   `json:"dir,omitempty"`
}

// reply is what PID 1 answers on the same connection: first that the process runs, with its pidfd as a descriptor, and
// later that it ended. The connection belongs to this one process.
type reply struct {
	PID    int    `json:"pid,omitempty"`
	Error  string `json:"error,omitempty"`
	Exited bool   `json:"exited,omitempty"`
	Code   int    `json:"code,omitempty"`
	Signal int    `json:"signal,omitempty"`
}

// send writes one message, with a descriptor if file is not nil. The socket keeps message boundaries.
func send[T request | reply](conn *net.UnixConn, msg T, file *os.File) error {
	data, err := json.Marshal(msg)
	if err != nil {
		return fmt.Errorf("lab: encode message: %w", err)
	}
	if len(data) > maxMessage {
		return fmt.Errorf("lab: message of %d bytes: at most %d", len(data), maxMessage)
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := conn.WriteMsgUnix(data, rights, nil); err != nil {
		return fmt.Errorf("lab: send message: %w", err)
	}
	return nil
}

// receive reads one message and at most one descriptor.
func receive[T request | reply](conn *net.UnixConn) (T, *os.File, error) {
	var msg T
	data, oob := make([]byte, maxMessage), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := conn.ReadMsgUnix(data, oob)
	if err != nil {
		return msg, nil, fmt.Errorf("lab: receive message: %w", err)
	}
	file, err := passedFile(oob[:oobn])
	if err != nil {
		return msg, nil, err
	}
	if n == 0 {
		err = net.ErrClosed
	} else {
		err = json.Unmarshal(data[:n], &msg)
	}
	if err != nil {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
		return msg, nil, fmt.Errorf("lab: receive message: %w", err)
	}
	return msg, file, nil
}

func passedFile(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err == nil && len(messages) != 1 {
		err = fmt.Errorf("%d control messages", len(messages))
	}
	if err != nil {
		return nil, fmt.Errorf("lab: receive descriptor: %w", err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err == nil && len(fds) != 1 {
		err = fmt.Errorf("%d descriptors", len(fds))
	}
	if err != nil {
		return nil, fmt.Errorf("lab: receive descriptor: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "passed"), nil
}
