package facts

import (
	"reflect"
	"testing"
	"time"
)

// fill gives each field of a value something of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(int64(*n), 0)))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		one := reflect.New(v.Type().Elem()).Elem()
		fill(one, n)
		v.SetMapIndex(reflect.ValueOf("k"), one)
	case reflect.String:
		v.SetString(string(rune('a' + *n%26)))
	case reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(int64(*n))
	}
}

// fields calls a function for each value in another one that has no parts; change
// has to be called to change it.
func fields(v reflect.Value, path string, visit func(path string, change func())) {
	switch v.Kind() {
	case reflect.Pointer:
		fields(v.Elem(), path, visit)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			visit(path, func() { v.Set(reflect.ValueOf(time.Unix(1<<30, 0))) })
			return
		}
		for i := range v.NumField() {
			if !v.Field(i).CanSet() {
				continue
			}
			fields(v.Field(i), path+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		visit(path+"[]", func() { v.Set(reflect.Append(v, reflect.New(v.Type().Elem()).Elem())) })
		fields(v.Index(0), path+"[0]", visit)
	case reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		one.Set(v.MapIndex(reflect.ValueOf("k")))
		fields(one, path+"[k]", func(path string, change func()) {
			visit(path, func() {
				change()
				v.SetMapIndex(reflect.ValueOf("k"), one)
			})
		})
		visit(path+"{}", func() {
			v.SetMapIndex(reflect.ValueOf("l"), one)
			v.SetMapIndex(reflect.ValueOf("k"), reflect.Value{})
		})
	case reflect.String:
		visit(path, func() { v.SetString(v.String() + "x") })
	case reflect.Bool:
		visit(path, func() { v.SetBool(!v.Bool()) })
	default:
		visit(path, func() { v.SetInt(v.Int() + 1) })
	}
}

// TestSum changes each field of a snapshot: all count but the time and the commit.
func TestSum(t *testing.T) {
	whole := func() *Snapshot {
		s, n := &Snapshot{}, 0
		fill(reflect.ValueOf(s).Elem(), &n)
		return s
	}
	var paths []string
	fields(reflect.ValueOf(whole()), "", func(path string, _ func()) { paths = append(paths, path) })
	if len(paths) < 50 {
		t.Fatalf("only %d fields", len(paths))
	}
	for _, path := range paths {
		s := whole()
		fields(reflect.ValueOf(s), "", func(p string, change func()) {
			if p == path {
				change()
			}
		})
		free := path == ".Taken" || path == ".Commit" || path == ".Version"
		if same := s.Sum() == whole().Sum(); same != free {
			t.Errorf("%s: the sum is the same: %v", path, same)
		}
	}
}
