// SPDX-License-Identifier: Apache-2.0

// Package scenarios holds the promises of the product as scripts, one file each, by theme. They come with the binary.
// README.md beside this file tells what is covered where.
//
// It never parses or plays them: packages script, stage and supervisor/sim do.
package scenarios
