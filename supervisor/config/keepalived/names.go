// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"path"
	"strconv"
	"strings"

	"github.com/evenkeel-ha/evenkeel/supervisor/cluster"
)

// cmpOr is the first text that is not empty.
func cmpOr(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// baseName returns what a file is called without its folder and its endings: lb1 for etc/lb1.conf.
func baseName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	return plainName(name)
}

// plainName makes a name as cluster files have them: VI_1 becomes vi_1, 10.0.0.1:80 becomes 10.0.0.1-80. It is empty
// when nothing is left.
func plainName(text string) string {
	var out strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_':
			out.WriteRune(r)
		case !strings.HasSuffix(out.String(), "-"):
			out.WriteByte('-')
		}
	}
	name := strings.Trim(out.String(), "-._")
	return strings.Trim(name[:min(len(name), cluster.MaxName)], "-._")
}

// unique returns the name, with a number behind it if it is taken, and takes it.
func unique(name string, taken map[string]bool) string {
	out := name
	for n := 2; taken[out]; n++ {
		end := "-" + strconv.Itoa(n)
		out = name[:min(len(name), cluster.MaxName-len(end))] + end
	}
	taken[out] = true
	return out
}
