// SPDX-License-Identifier: Apache-2.0

package vip

// Unmark makes the links behave as on a kernel that keeps no marks.
func Unmark(l *Links) { l.mark = 0 }

// What the fuzz tests read.
var (
	ParseRecord   = parseRecord
	ReadNeighbour = func(b []byte) { readNeighbour(b, nil) }
	ReadARP       = func(b []byte) { readARP(b) }
	ReadAnswer    = func(b []byte) error {
		_, err := readAnswer(b, 1, func(body []byte) error {
			_, _, err := readHeld(body)
			if err == nil {
				_, err = readLink(body)
			}
			return err
		})
		return err
	}
)
