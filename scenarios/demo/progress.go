// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"time"
)

// progressEvery is the time between two updates of the line of progress.
const progressEvery = 100 * time.Millisecond

// while shows for how long something is waited for, and what it costs meanwhile.
func (sc *scene) while(ctx context.Context, what string, wait func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- wait(ctx) }()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	defer sc.story.progress("")
	begun := time.Now()
	for i := 0; ; i++ {
		select {
		case err := <-done:
			return err
		case <-ticker.C:
			sc.story.progress(fmt.Sprintf("  %s %4.1f s  %s  %s", spin(i), time.Since(begun).Seconds(), sc.failures(), what))
		}
	}
}

func spin(i int) string {
	frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	return string(frames[i%len(frames)])
}

// failures tells the failed requests of the act up to now.
func (sc *scene) failures() string {
	now := time.Now()
	text := fmt.Sprintf("failed: kept %d", sc.loads[kept].Window(sc.armed, now).Failed)
	if !sc.opts.NoPeer {
		text += fmt.Sprintf(", peer %d", sc.loads[peer].Window(sc.armed, now).Failed)
	}
	return text
}
