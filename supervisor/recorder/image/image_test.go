// SPDX-License-Identifier: Apache-2.0

package image_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/evenkeel-ha/evenkeel/supervisor/recorder/image"
)

type animal interface{ sound() string }

type dog struct{ Name string }

func (d dog) sound() string { return d.Name }

type place struct{ x, y int }

// world has whatever a core may have.
type world struct {
	name   string
	at     time.Time
	none   []int
	empty  []int
	bytes  []byte
	by     map[place]string
	ids    map[uint64]struct{}
	owner  *world
	same   *world
	shared map[string]int
	again  map[string]int
	pet    animal
	entry  *raftpb.Entry
	limits [3]uint16
	ratio  float64
	act    func() string
	secret string
}

func rules() *image.Rules {
	return &image.Rules{
		Types: []reflect.Type{reflect.TypeFor[dog]()},
		Skip:  []image.Field{{Of: reflect.TypeFor[world](), Name: "secret"}},
	}
}

func sample() *world {
	w := &world{
		name: "w", at: time.Now(), empty: []int{}, bytes: []byte{1, 2}, ids: map[uint64]struct{}{300: {}, 1: {}, 70: {}},
		by: map[place]string{}, shared: map[string]int{"b": 2, "a": 1}, pet: dog{"rex"}, limits: [3]uint16{1, 2, 3}, ratio: 0.5,
		entry: &raftpb.Entry{Index: proto.Uint64(7), Data: []byte("x")}, act: func() string { return "then" }, secret: "then",
	}
	for i := range 50 {
		w.by[place{i % 7, i}] = fmt.Sprint(i)
	}
	w.owner, w.again = w, w.shared
	w.same = &world{name: "inner", owner: w}
	return w
}

func imageOf(t *testing.T, w *world) string {
	t.Helper()
	b, err := image.NewWriter(rules()).Append([]byte("before"), reflect.ValueOf(&w).Elem())
	if err != nil {
		t.Fatal(err)
	}
	return string(b[len("before"):])
}

func TestAGraphIsReadAsWritten(t *testing.T) {
	want := sample()
	data := imageOf(t, want)
	got := &world{act: func() string { return "now" }, secret: "now"}
	r := rules()
	r.InPlace = []reflect.Type{reflect.TypeFor[world]()}
	kept := got
	left, err := r.Read([]byte(data+"behind"), reflect.ValueOf(&got))
	if err != nil || string(left) != "behind" {
		t.Fatal(string(left), err)
	}
	if imageOf(t, got) != data {
		t.Error("its image is another one")
	}
	if got != kept || got.act() != "now" || got.secret != "now" {
		t.Error("what is no part of an image did not stay")
	}
	if got.owner != got || got.same.owner != got || got.none != nil || got.empty == nil || got.at != want.at {
		t.Errorf("got %+v", got)
	}
	if got.again["new"] = 1; got.shared["new"] != 1 {
		t.Error("what was one map is two")
	}
	if got.pet.sound() != "rex" || !proto.Equal(got.entry, want.entry) || got.ratio != 0.5 || len(got.by) != 50 || len(got.ids) != 3 {
		t.Errorf("got %+v", got)
	}
}

func TestEqualGraphsHaveEqualImages(t *testing.T) {
	first := sample()
	for range 20 {
		second := sample()
		if second.at = first.at; imageOf(t, first) != imageOf(t, second) {
			t.Fatal("the order of a map shows")
		}
	}
}

func TestForeignValues(t *testing.T) {
	write := func(v reflect.Value) error {
		_, err := image.NewWriter(rules()).Append(nil, v)
		return err
	}
	for name, v := range map[string]reflect.Value{
		"a channel":          reflect.ValueOf(make(chan int)),
		"an unnamed type":    reflect.ValueOf(&struct{ r io.Reader }{io.LimitReader(nil, 1)}),
		"another zone":       reflect.ValueOf(time.Unix(0, 0).In(time.FixedZone("x", 60))),
		"keys with pointers": reflect.ValueOf(map[*int]int{new(int): 1}),
	} {
		if err := write(v); !errors.Is(err, image.ErrForeign) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenImages(t *testing.T) {
	data := imageOf(t, sample())
	for n := range len(data) {
		var w *world
		if _, err := rules().Read([]byte(data[:n]), reflect.ValueOf(&w)); err == nil {
			t.Fatalf("an image of %d bytes of %d is read", n, len(data))
		}
		bent := []byte(data)
		bent[n] ^= 0x81
		_, _ = rules().Read(bent, reflect.ValueOf(&w)) // anything but a panic
	}
}

func TestLayout(t *testing.T) {
	type one struct{ A, B int }
	type two struct {
		A int
		B int32
	}
	r := rules()
	if r.Layout(reflect.TypeFor[one]()) == r.Layout(reflect.TypeFor[two]()) {
		t.Error("types with other fields have one layout")
	}
	if r.Layout(reflect.TypeFor[world]()) != rules().Layout(reflect.TypeFor[world]()) {
		t.Error("a type has two layouts")
	}
}
